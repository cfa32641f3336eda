"""
Other objectives than episodes, an experiment with PyTorch: tests/bench/pretrain_objectives.py views | train | mean.

`views` draws pairs of views of unlabelled scenes: gain, slope, foreign spectrum and noise of two draws of regions, in
one PCA (`joint`) or each in its own, of its own bands (`separate`). `train` adds the losses of objectives:
- episodes: the classifications of pretrain_episodes.py.
- contrast: InfoNCE between the two views of a pixel, against the other pixels of the scene.
- vicreg: the two views agree, while the features of a batch keep their variance and are not correlated.
- groups: a group of three components is hidden. A ridge regression on features of the other three groups, fitted on
  pixels of some blocks of a scene, predicts the pixels of the hidden group on its other blocks.
- teacher: the features of a view predict those of Galileo nano (nasaharvest/galileo, MIT) on the nearest bands.
`mean` averages the weights of networks. `pretrain_episodes.py compare` measures them.

Needs torch, numpy, scipy and safetensors. The teacher's folder holds config.json, encoder.pt and
single_file_galileo.py of its authors, which needs einops. docs/new-land.md has the results.
"""

import argparse
import math
import sys
import time
from pathlib import Path

import numpy as np
import pretrain_episodes as base
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

SENTINEL = [0.490, 0.560, 0.665, 0.705, 0.740, 0.783, 0.842, 0.865, 1.610, 2.190]  # B2 to B12 in micrometres
PIXELS = 48  # pixels of a scene in a batch


# ---------------------------------------------------------------- views
def wavelengths(bands):
    """Approximate centres of AVIRIS's bands that are left in a scene of so many bands."""
    gone = [*range(107, 114), *range(153, 167)]
    if bands < 200:
        gone += [*range(1, 7), *range(33, 36), 97, *range(221, 225)]
    left = np.setdiff1d(np.arange(1, 225), gone)
    return 0.366 + 0.00956 * (left[np.linspace(0, len(left) - 1, bands).round().astype(int)] - 1)


def sentinel_bands(cube, name):
    """The ten bands of the teacher, each with the mean and deviation that it expects: [H, W, 10]."""
    if name == "aquileia":
        x = cube[..., [1, 2, 3, 4, 5, 6, 7, 8, 10, 11]]
    else:
        x = cube[..., [np.abs(wavelengths(cube.shape[2]) - w).argmin() for w in SENTINEL]]
    x = (x - x.mean((0, 1))) / x.std((0, 1))
    return torch.from_numpy((x.clip(-4, 4) + 2) / 4).float()


@torch.no_grad()
def teacher_features(folder, cube, name):
    """Galileo nano's features of each pixel, standardised: [128, H, W]. It sees squares of 10 x 10 pixels."""
    sys.path.insert(0, folder)
    import single_file_galileo as galileo

    encoder = galileo.Encoder.load_from_folder(Path(folder), torch.device("cpu")).eval()
    h, w, _ = cube.shape
    x = sentinel_bands(cube, name).reshape(h // 10, 10, w // 10, 10, 10).transpose(1, 2).reshape(-1, 10, 10, 1, 10)
    inputs = [
        ((10, 10, 1), galileo.SPACE_TIME_BANDS, galileo.SPACE_TIME_BANDS_GROUPS_IDX),
        ((10, 10), galileo.SPACE_BANDS, galileo.SPACE_BAND_GROUPS_IDX),
        ((1,), galileo.TIME_BANDS, galileo.TIME_BAND_GROUPS_IDX),
        ((), galileo.STATIC_BANDS, galileo.STATIC_BAND_GROUPS_IDX),
    ]
    parts = []
    for squares in x.split(20):
        n = len(squares)
        values = [torch.zeros(n, *shape, len(bands)) for shape, bands, _ in inputs]
        masks = [torch.ones(n, *shape, len(groups)) for shape, _, groups in inputs]
        values[0][..., 2:12], masks[0][..., 1:6] = squares, 0  # Sentinel-2, all else is hidden
        out = encoder(*values, *masks, torch.full((n, 1), 5), patch_size=1)
        parts.append(out[0][:, :, :, 0, 1:6].mean(3))
    f = torch.cat(parts).reshape(h // 10, w // 10, 10, 10, -1).transpose(1, 2).reshape(h, w, -1)
    f = (f - f.mean((0, 1))) / f.std((0, 1)).clamp_min(1e-4)
    return f.permute(2, 0, 1).half().numpy()


def view(cube, rng):
    regions = base.voronoi(max(cube.shape[:2]), int(rng.integers(8, 50)), rng)[0][: len(cube), : cube.shape[1]]
    return base.nuisance(cube, regions, rng.uniform(0.3, 1.2), rng)


def make_views(path, count, bases, folder, seed):
    """Writes pairs of views [2, 12, H, W], each with the teacher's features of the scene or None."""
    rng = np.random.default_rng(seed)
    names = sorted({p.stem for p in (base.DATA / "anomaly").glob("*.mat")} - base.HELD_OUT) + ["aquileia"] * 4
    if folder:
        names.remove("hydice")  # other wavelengths
    taught, scenes = {}, []
    for i in (i % len(names) for i in range(count)):
        cube = base.unlabelled(names[i]).astype(np.float32)
        if names[i] == "aquileia":  # four squares of 100 x 100 pixels
            y, x = np.random.default_rng(i).integers(0, 589), 100 * (i - 11)
            cube = cube[y : y + 100, x : x + 100]
        cube = cube[: cube.shape[0] // 10 * 10, : cube.shape[1] // 10 * 10]
        cube = cube / cube.mean()
        if folder and i not in taught:
            taught[i] = teacher_features(folder, cube, names[i])
        pair = [view(cube, rng), view(cube, rng)]
        if bases == "joint":
            both = base.components(base.band_subset(np.concatenate(pair), rng), rng)
            pair = np.split(both, 2, axis=1)
        else:
            pair = [base.components(base.band_subset(v, rng), rng) for v in pair]
        scenes.append((np.stack(pair).astype(np.float16), taught.get(i)))
    torch.save((bases, scenes), path)


# ---------------------------------------------------------------- objectives
def turned(pixels, signs, places, size, rng):
    p = base.patches(pixels.astype(np.float32) * signs, places, size)
    return torch.cat([base.oriented(q, rng) for q in p.split(max(1, len(p) // 16))])


def features_of_views(model, views, rng):
    """Features of two views of the same pixels, one shifted by up to 1 pixel, each of other tokens."""
    bases, scenes = views
    pair, _ = scenes[rng.integers(len(scenes))]
    h, w = pair.shape[2:]
    places = np.stack([rng.integers(1, h - 1, PIXELS), rng.integers(1, w - 1, PIXELS)], 1)
    first = base.draw_signs(rng)
    signs = [first, first if bases == "joint" else base.draw_signs(rng)]
    size, shifts = base.draw_size(rng), [0, rng.integers(-1, 2, places.shape)]
    both = [turned(p, f, places + s, size, rng) for p, f, s in zip(pair, signs, shifts)]
    return [model(x, base.draw_tokens(2, rng)) for x in both]


def contrast(model, head, views, rng, temperature=0.2):
    a, b = (F.normalize(head(f)) for f in features_of_views(model, views, rng))
    similar, own = a @ b.T / temperature, torch.arange(len(a))
    return (F.cross_entropy(similar, own) + F.cross_entropy(similar.T, own)) / 2


def vicreg(model, head, views, rng):
    """Variance, invariance and covariance with the weights 25, 25 and 1 of the paper, divided by 25."""
    a, b = (head(f) for f in features_of_views(model, views, rng))
    loss = F.mse_loss(a, b)
    for z in (a, b):
        loss = loss + F.relu(1 - (z.var(0) + 1e-4).sqrt()).mean() / 2
        c = z - z.mean(0)
        c = c.T @ c / (len(z) - 1)
        loss = loss + (c - torch.diag(c.diag())).square().sum() / len(c) / 25
    return loss


def groups(model, head, views, rng, shrink=0.3):
    """Share of the variance of the hidden group, on other blocks, that the ridge regression leaves unexplained."""
    pair, _ = views[1][rng.integers(len(views[1]))]
    h, w = pair.shape[2:]
    mine = base.draw_blocks(h, w, 0.5, rng).ravel()
    if min(mine.sum(), (~mine).sum()) < PIXELS:
        return groups(model, head, views, rng, shrink)
    rows = np.concatenate([rng.choice(np.flatnonzero(part), PIXELS, replace=False) for part in (mine, ~mine)])
    p = turned(pair[0], base.draw_signs(rng), np.stack([rows // w, rows % w], 1), base.draw_size(rng), rng)
    group = int(rng.integers(4))
    f = model(p, base.draw_tokens(2, rng), [g for g in range(4) if g != group])
    t = F.adaptive_avg_pool2d(p[:, 3 * group : 3 * group + 3], 4).flatten(1)
    f, t = f - f[:PIXELS].mean(0), t - t[:PIXELS].mean(0)
    a, b = (f / f[:PIXELS].std(0).clamp_min(1e-3) / math.sqrt(f.shape[1])).split(PIXELS)
    guess = b @ a.T @ torch.linalg.solve(a @ a.T + torch.eye(PIXELS) * shrink, t[:PIXELS])
    return (guess - t[PIXELS:]).square().mean() / t[PIXELS:].square().mean().clamp_min(0.05)


def teacher(model, head, views, rng):
    pair, target = views[1][rng.integers(len(views[1]))]
    h, w = pair.shape[2:]
    places = np.stack([rng.integers(0, h, 2 * PIXELS), rng.integers(0, w, 2 * PIXELS)], 1)
    x = turned(pair[0], base.draw_signs(rng), places, base.draw_size(rng), rng)
    guess = head(model(x, base.draw_tokens(2, rng)))
    return 1 - F.cosine_similarity(guess, torch.from_numpy(target[:, places[:, 0], places[:, 1]].T).float()).mean()


def episodes(model, sharpness, tasks, rng):
    x, y, classes = base.draw_episode(tasks, rng, 10, 6, 5, base.draw_size(rng))
    f, n = model(x, base.draw_tokens(2, rng)), classes * 6
    logits = base.lda_logits(f[:n], y[:n], f[n:], classes)
    return F.cross_entropy(logits / logits.detach().std() * sharpness[0].exp(), y[n:])


def head(width):
    return nn.Sequential(nn.Linear(1536, 256), nn.GELU(), nn.Linear(256, width))


OBJECTIVES = {  # loss, what it learns beside the network
    "episodes": (episodes, lambda: nn.ParameterList([torch.tensor(1.0)])),
    "contrast": (contrast, lambda: head(64)),
    "vicreg": (vicreg, lambda: head(256)),
    "groups": (groups, nn.Identity),
    "teacher": (teacher, lambda: head(128)),
}


def train(chosen, path, steps, rate, seed):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    data = {name: torch.load(file, weights_only=False) for name, file in (part.split("=") for part in chosen)}
    model = base.load("random0")
    heads = nn.ModuleDict({name: OBJECTIVES[name][1]() for name in data})
    parameters = [*model.parameters(), *heads.parameters()]
    opt = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.95), weight_decay=0.05)
    start, past = time.time(), []
    for step in range(steps):
        now = rate * min(1, (step + 1) / 40) * 0.5 * (1 + math.cos(math.pi * step / steps))
        opt.param_groups[0]["lr"] = max(now, 1e-6)
        opt.zero_grad()
        losses = [OBJECTIVES[name][0](model, heads[name], d, rng) for name, d in data.items()]
        sum(losses).backward()
        nn.utils.clip_grad_norm_(parameters, 1)
        opt.step()
        past.append([float(loss.detach()) for loss in losses])
        if (step + 1) % 25 == 0 or step + 1 == steps:
            means = dict(zip(data, np.mean(past[-25:], 0).round(3).tolist()))
            print(f"{step + 1}: {means}, {time.time() - start:.0f} s", flush=True)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="what", required=True)
    v = sub.add_parser("views")
    v.add_argument("path")
    v.add_argument("--count", type=int, default=60)
    v.add_argument("--bases", choices=["joint", "separate"], default="joint")
    v.add_argument("--teacher", help="folder of the teacher")
    t = sub.add_parser("train")
    t.add_argument("objectives", help="such as episodes=TASKS,contrast=VIEWS: each with its file")
    t.add_argument("path", help="safetensors file to write")
    t.add_argument("--steps", type=int, default=200)
    t.add_argument("--rate", type=float, default=7e-4)
    t.add_argument("--seed", type=int, default=0)
    m = sub.add_parser("mean")
    m.add_argument("networks", nargs="+")
    m.add_argument("path", help="safetensors file to write")
    args = p.parse_args()
    if args.what == "views":
        make_views(args.path, args.count, args.bases, args.teacher, 0)
    elif args.what == "train":
        train(args.objectives.split(","), args.path, args.steps, args.rate, args.seed)
    else:
        networks = [load_file(n) for n in args.networks]
        save_file({k: sum(n[k] for n in networks) / len(networks) for k in networks[0]}, args.path)


if __name__ == "__main__":
    main()
