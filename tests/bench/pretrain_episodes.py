"""
Pretraining by episodes, an experiment with PyTorch: tests/bench/pretrain_episodes.py tasks | train | compare.

An episode is a small classification on land that the classifier has not seen. A discriminant analysis with shrinkage
0.3 is fitted on the features of pixels from some blocks of a scene, and classifies pixels of its other blocks; the
gradient of the cross-entropy passes through the fit into the backbone. Classes are clusters of spectra of unlabelled
scenes, `real` where they lie or as simulated `fields`; gain, slope, foreign spectrum and noise differ by region and are
applied to the bands before the PCA. `compare` measures networks on disjoint blocks of labelled scenes against random
weights of the same structure, in pairs by seed of the blocks; intervals are 90 % bootstrap intervals over these seeds.

Needs torch, numpy, scipy and safetensors. docs/new-land.md has the results.
"""

import argparse
import math
import os
import time
from pathlib import Path

import numpy as np
import scipy.io as sio
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
MINI = ROOT / "shared/spectralgpt/pretrained/spectralgpt-mini/model.safetensors"
DATA = Path(os.environ.get("DATA", ROOT.parent / "shared/data"))
C = 12  # components of the backbone


# ---------------------------------------------------------------- scenes
def unmix(name):
    d = sio.loadmat(f"{DATA}/unmixing/{name}.mat")
    rows, cols = int(np.squeeze(d["lines"])), int(np.squeeze(d["cols"]))
    cube = d["Y"].astype(np.float32).T.reshape(rows, cols, -1, order="F")
    s = d["S_GT"]
    return cube, np.where(s.max(2) >= 0.6, s.argmax(2) + 1, 0)


def labelled(name):
    """Returns cube, labels (0 = none), block side, pixels a class, stride of test pixels."""
    if name == "indian":
        d = sio.loadmat(f"{DATA}/indian_pines/IndianPine.mat")
        return d["input"].astype(np.float32), d["TR"].astype(int) + d["TE"], 16, 50, 1
    if name == "jasper":
        return *unmix("Jasper"), 16, 20, 4
    if name == "samson":
        return *unmix("Samson"), 16, 10, 6
    if name == "moffett":
        return *unmix("moffett"), 12, 10, 2
    if name == "pavia":
        cube = sio.loadmat(f"{DATA}/pavia_u_lowres/reg_pavia_dataset.mat")["I1"].astype(np.float32)
        return cube, np.load(f"{DATA}/pavia_u_lowres/pavia_u_lowres_gt.npz")["gt"].astype(int), 8, 20, 1
    if name == "sundarbans":
        d = np.load(f"{DATA}/sentinel2/sundarbans_s2_l2a.npz")
        cube = d["image"][:, 300:600].transpose(1, 2, 0).astype(np.float32)
        return cube, d["gt"][300:600].astype(int) + 1, 16, 10, 50
    if name.startswith("houston"):
        return *houston(int(name[7:] or 0)), 16, 20, 8
    raise ValueError(name)


def voronoi(side, fields, rng):
    y, x = np.mgrid[:side, :side]
    points = rng.uniform(0, side, (fields, 2))
    aspect = np.exp(rng.normal(0, 0.3, fields))
    d = np.stack([np.hypot((y - p[0]) * a, (x - p[1]) / a) for p, a in zip(points, aspect)])
    order = np.argsort(d, 0)[:2]
    first, second = np.take_along_axis(d, order, 0)
    share = 1 / (1 + np.exp(-(second - first + 0.5) / 0.5))
    return order[0], order[1], share[..., None]


def houston(seed):
    """Fields of Houston 2013's labelled spectra; a field holds neighbouring training pixels of one class."""
    x = sio.loadmat(f"{DATA}/houston2013_pixels/HSI_TrSet.mat")
    y = sio.loadmat(f"{DATA}/houston2013_pixels/TrLabel.mat")
    value = lambda d: next(v for k, v in d.items() if not k.startswith("_"))
    x, y = value(x).astype(np.float32), np.squeeze(value(y))
    rng = np.random.default_rng(seed)
    side, n = 128, 100
    first, second, share = voronoi(side, n, rng)
    classes = rng.permutation(np.resize(np.arange(1, 16), n))
    pools = []
    for c in classes:
        own = np.flatnonzero(y == c)
        start = rng.integers(0, len(own) - 12)
        pools.append(own[start : start + 12])
    pools = np.array(pools)
    draw = lambda field: x[pools[field, rng.integers(0, 12, field.shape)]]
    cube = share * draw(first) + (1 - share) * draw(second)
    return cube.astype(np.float32), classes[first]


# Not the other ROSIS scene: it is of the same campaign as Pavia University, a scene of the final look.
HELD_OUT = {"abu-beach-4"}


def unlabelled(name):
    if name == "aquileia":
        return np.load(f"{DATA}/sentinel2/aquileia_s2_l2a.npz")["image"].transpose(1, 2, 0)
    return sio.loadmat(f"{DATA}/anomaly/{name}.mat")["data"].astype(np.float32)


def components(cube, rng=None):
    """PCA to 12 components, standardised: [12, H, W]. With rng it is fitted on a random half of the pixels."""
    h, w, b = cube.shape
    x = torch.from_numpy(np.ascontiguousarray(cube.reshape(-1, b)))
    x = x - x.mean(0)
    fit = x if rng is None else x[torch.from_numpy(rng.permutation(h * w)[: h * w // 2])]
    values, vectors = torch.linalg.eigh((fit.T @ fit).double())
    scores = x @ vectors[:, -C:].flip(1).float()
    scores = (scores - scores.mean(0)) / scores.std(0).clamp_min(1e-8)
    return scores.T.reshape(C, h, w).numpy()


# ---------------------------------------------------------------- tasks for pretraining
def kmeans(x, k, rng, rounds=12):
    x = torch.from_numpy(x)
    centres = x[torch.from_numpy(rng.choice(len(x), k, replace=False))]
    for _ in range(rounds):
        near = torch.cdist(x, centres).argmin(1)
        sums = torch.zeros_like(centres).index_add_(0, near, x)
        counts = torch.bincount(near, minlength=k)[:, None]
        centres = torch.where(counts > 0, sums / counts.clamp_min(1), centres)
    return near.numpy()


def smooth(cube, side=3):
    x = torch.from_numpy(cube).permute(2, 0, 1)[None]
    x = F.avg_pool2d(F.pad(x, [side // 2] * 4, mode="reflect"), side, 1)
    return x[0].permute(1, 2, 0).numpy()


def clusters(cube, k, rng):
    """Clusters of spectra in a random metric: [H, W], from 0."""
    h, w, b = cube.shape
    x = smooth(cube)
    if rng.random() < 0.5:  # shape of the spectrum without its brightness
        x = x / np.linalg.norm(x, axis=2, keepdims=True).clip(1e-6)
    scores = components(x.astype(np.float32)).reshape(C, -1).T
    weight = np.exp(rng.uniform(-0.5, 0.1) * np.arange(C) * 0.5)[None]
    return kmeans((scores * weight).astype(np.float32), k, rng).reshape(h, w)


def nuisance(cube, regions, strength, rng):
    """Gain, smooth slope, foreign spectrum and noise; gain, slope and share differ by region."""
    h, w, b = cube.shape
    n = regions.max() + 1
    mean = cube.mean((0, 1))
    t = np.linspace(-1, 1, b)
    curves = np.stack([np.ones(b), t, t * t - 1 / 3, np.sin(np.pi * t)])
    sizes = np.array([0.10, 0.06, 0.04, 0.04]) * strength
    factor = np.exp(rng.normal(0, 1, (n, 4)) * sizes @ curves).astype(np.float32)
    flat = cube.reshape(-1, b)
    foreign = flat[rng.integers(0, h * w, n)]
    share = (rng.uniform(0, 0.25, n) * strength * (rng.random(n) < 0.5)).astype(np.float32)
    r = regions
    x = cube * (1 - share[r])[..., None] + share[r][..., None] * foreign[r]
    x = x * factor[r]
    sigma = rng.uniform(0.002, 0.02) * strength
    return (x + sigma * mean * rng.standard_normal(cube.shape, dtype=np.float32)).astype(np.float32)


def band_subset(cube, rng):
    b = cube.shape[2]
    if b <= 20 or rng.random() < 0.3:
        return cube
    keep = np.ones(b, bool)
    for _ in range(rng.integers(1, 4)):
        start = rng.integers(0, b)
        keep[start : start + rng.integers(5, b // 5)] = False
    keep = np.flatnonzero(keep)
    return cube[..., keep[:: rng.integers(1, 3)]]


def task_real(cube, rng):
    """Clusters of a scene where they lie."""
    labels = clusters(cube, int(rng.integers(8, 28)), rng)
    h, w, _ = cube.shape
    side = max(h, w)
    regions = voronoi(side, int(rng.integers(8, 50)), rng)[0][:h, :w]
    x = nuisance(cube, regions, rng.uniform(0, 1), rng)
    return components(band_subset(x, rng), rng), labels


def task_fields(cube, rng):
    """Fields of clusters of the scene's spectra; the pixels of a field lie near each other in the scene."""
    h, w, b = cube.shape
    fine = clusters(cube, 40, rng)
    counts = np.bincount(fine.ravel(), minlength=40)
    good = np.flatnonzero(counts >= 40)
    chosen = rng.permutation(good)[: rng.integers(6, 17)]
    n = int(rng.integers(40, 110))
    first, second, share = voronoi(96, n, rng)
    classes = rng.permutation(np.resize(np.arange(len(chosen)), n))
    flat = cube.reshape(-1, b)
    places = [np.flatnonzero(fine.ravel() == c) for c in chosen]
    pools = np.empty((n, 15), int)
    for field, c in enumerate(classes):
        own = places[c]
        anchor = own[rng.integers(len(own))]
        distance = np.hypot(own // w - anchor // w, own % w - anchor % w)
        near = own[np.argsort(distance)[:25]]
        pools[field] = near[rng.integers(0, len(near), 15)]
    means = np.stack([flat[p].mean(0) for p in pools])
    spread = rng.uniform(0.3, 1.0)

    def draw(field):
        own = flat[pools[field, rng.integers(0, 15, field.shape)]]
        return means[field] + spread * (own - means[field])

    x = (share * draw(first) + (1 - share) * draw(second)).astype(np.float32)
    x = nuisance(x, first, rng.uniform(0, 1), rng)
    return components(band_subset(x, rng), rng), classes[first]


def make_tasks(path, count, seed):
    """Writes tasks, each a pair of components [12, H, W] and labels [H, W]."""
    rng = np.random.default_rng(seed)
    names = sorted({p.stem for p in (DATA / "anomaly").glob("*.mat")} - HELD_OUT) + ["aquileia"]
    tasks = []
    cubes = {n: unlabelled(n) for n in names}
    for name in (names[i % len(names)] for i in range(count)):
        cube = cubes[name]
        if name == "aquileia":
            y, x = rng.integers(0, 689 - 100), rng.integers(0, 1200 - 100)
            cube = cube[y : y + 100, x : x + 100]
            if (cube == 0).all(2).mean() > 0.01:
                continue
        cube = cube.astype(np.float32)
        cube = cube / cube.mean()
        make = task_fields if rng.random() < 0.5 else task_real
        pixels, labels = make(cube, rng)
        tasks.append((pixels.astype(np.float16), labels.astype(np.uint8)))
    torch.save(tasks, path)


# ---------------------------------------------------------------- network
class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        n, t, d = x.shape
        split = lambda y: y.reshape(n, t, self.heads, d // self.heads).transpose(1, 2)
        y = F.scaled_dot_product_attention(split(self.q(x)), split(self.k(x)), split(self.v(x)))
        return self.proj(y.transpose(1, 2).reshape(n, t, d))


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn, self.mlp = Attention(width, heads), Mlp(width)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Embed(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.proj = nn.Conv3d(1, width, (3, 8, 8), (3, 8, 8))


class Mini(nn.Module):
    def __init__(self, width=192, depth=6, heads=6, seed=0):
        super().__init__()
        g = torch.Generator().manual_seed(seed)
        self.patch_embed = Embed(width)
        self.pos_embed_spatial = nn.Parameter(torch.randn(1, 16, width, generator=g) * 0.02)
        self.pos_embed_temporal = nn.Parameter(torch.randn(1, 4, width, generator=g) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        for name, p in self.named_parameters():
            if name.endswith(".bias"):
                nn.init.zeros_(p)
            elif name.endswith(".weight") and "norm" not in name:
                bound = math.sqrt(6 / (p.shape[0] + p.numel() / p.shape[0]))
                with torch.no_grad():
                    p.copy_((torch.rand(p.shape, generator=g) * 2 - 1) * bound)

    def tokens(self, x):
        """[N, 12, p, p] to values of tokens, [N, 64, 192]; order: group, row, column."""
        x = F.interpolate(x, (32, 32), mode="bilinear", align_corners=False) if x.shape[-1] != 32 else x
        x = x.reshape(-1, 4, 3, 4, 8, 4, 8).permute(0, 1, 3, 5, 2, 4, 6)
        return x.reshape(-1, 64, 192)

    def encode(self, x, keep=None, groups=range(4)):
        """keep: places of the 16 of a group to keep, in one order for all patches; None for all. groups: those seen."""
        t = self.tokens(x)
        pos = (self.pos_embed_spatial.repeat(1, 4, 1) + self.pos_embed_temporal.repeat_interleave(16, 1))
        if keep is not None:
            rows = (torch.tensor(groups)[:, None] * 16 + keep[None]).reshape(-1)
            t, pos = t[:, rows], pos[:, rows]
        kernel = self.patch_embed.proj.weight.flatten(1)
        t = F.linear(t, kernel, self.patch_embed.proj.bias) + pos
        for block in self.blocks:
            t = block(t)
        return t

    def forward(self, x, keep=None, groups=range(4)):
        """Means of groups, and of the middle tokens of groups, each normalised: [N, 8 · width]."""
        t = self.encode(x, keep, groups)
        n, _, d = t.shape
        t = t.reshape(n, len(groups), -1, d).float()
        mid = t[:, :, [5, 6, 9, 10]] if keep is None else t[:, :, :4]
        y = torch.cat([t.mean(2), mid.mean(2)], 1)
        return self.norm(y).reshape(n, -1)


MIDDLE = torch.tensor([5, 6, 9, 10])
REST = torch.tensor([0, 1, 2, 3, 4, 7, 8, 11, 12, 13, 14, 15])


def load(spec):
    """Network by name: `randomN`, `mini` or a safetensors file."""
    if spec.startswith("random") and "." not in spec:
        return Mini(seed=1000 + int(spec[6:] or 0))
    m = Mini()
    m.load_state_dict({k: v.float() for k, v in load_file(MINI if spec == "mini" else spec).items()}, strict=True)
    return m


# ---------------------------------------------------------------- evaluation
def patches(pixels, places, size):
    """pixels [12, H, W]; places [n, 2]"""
    h = size // 2
    padded = np.pad(pixels, ((0, 0), (h, h), (h, h)), mode="reflect")
    view = np.lib.stride_tricks.sliding_window_view(padded, (size, size), (1, 2))
    return torch.from_numpy(np.ascontiguousarray(view[:, places[:, 0], places[:, 1]].transpose(1, 0, 2, 3)))


@torch.no_grad()
def features(model, pixels, places, size=9):
    model.eval()
    return torch.cat([model(patches(pixels, places[i : i + 256], size).float()) for i in range(0, len(places), 256)])


def block_split(labels, block, share, limit, guard, seed):
    """The product's blocks: rare classes first, then at random; guard band around training blocks."""
    rng = np.random.default_rng(seed)
    h, w = labels.shape
    columns = -(-w // block)
    y, x = np.mgrid[:h, :w]
    of = y // block * columns + x // block
    present = labels > 0
    blocks = np.unique(of[present])
    order = rng.permutation(blocks)
    chosen = set()
    counts = np.bincount(labels[present])
    for c in sorted(np.flatnonzero(counts), key=lambda c: counts[c]):
        own = set(np.unique(of[labels == c]))
        if len(own) < 2 or own & chosen:
            continue
        chosen.add(next(b for b in order if b in own))
    for b in order:
        if len(chosen) >= max(1, round(share * len(blocks))):
            break
        chosen.add(b)
    inside = np.isin(of, list(chosen))
    near = F.max_pool2d(torch.from_numpy(inside).float()[None, None], 2 * guard + 1, 1, guard)[0, 0].numpy() > 0
    train = []
    for c in np.flatnonzero(counts):
        own = np.flatnonzero((inside & (labels == c)).ravel())
        train.append(rng.permutation(own)[:limit])
    train = np.concatenate(train)
    known = np.unique(labels.ravel()[train])
    test = np.flatnonzero((present & ~near & np.isin(labels, known)).ravel())
    return train, test


def lda_logits(train, y, test, classes, shrink=0.3, temperature=1.0):
    """Discriminant analysis as scikit-learn's lsqr solver with shrinkage; differentiable."""
    n = len(train)
    onehot = F.one_hot(y, classes).to(train.dtype)
    counts = onehot.sum(0)
    means = onehot.T @ train / counts.clamp_min(1)[:, None]
    r = train - means[y]
    deviation = (r.square().mean(0) + 1e-6).sqrt()
    r, m, t = r / deviation, means / deviation, test / deviation
    centre = m.mean(0)
    m, t = m - centre, t - centre
    gram = r @ r.T + torch.eye(n, dtype=r.dtype) * (n * shrink / (1 - shrink))
    solved = (m - torch.linalg.solve(gram, r @ m.T).T @ r) / shrink  # [classes, D]
    bias = -0.5 * (solved * m).sum(1) + (counts / n + 1e-9).log()
    return (t @ solved.T + bias) / temperature


def probe_logits(train, y, test, classes, seed=0):
    """The product's linear probe on one view: AdamW, label smoothing, cosine with warm-up, 50 epochs."""
    g = torch.Generator().manual_seed(seed)
    mean, deviation = train.mean(0), train.std(0).clamp_min(1e-4)
    train, test = (train - mean) / deviation, (test - mean) / deviation
    weight = torch.zeros(classes, train.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    per, epochs = -(-len(train) // 64), 50
    opt = torch.optim.AdamW([weight, bias], lr=1e-2, weight_decay=0.05)
    step = 0
    for _ in range(epochs):
        for rows in torch.randperm(len(train), generator=g).split(64):
            rate = min(1, (step + 1) / (2 * per)) * 0.5 * (1 + math.cos(math.pi * step / (per * epochs)))
            opt.param_groups[0]["lr"] = 1e-2 * rate
            x = train[rows] + 0.0
            loss = F.cross_entropy(x @ weight.T + bias, y[rows], label_smoothing=0.1)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_([weight, bias], 1)
            opt.step()
            step += 1
    with torch.no_grad():
        return test @ weight.T + bias


def evaluate(spec, scenes, seeds, heads=("lda",)):
    """OA and AA of a network, {scene: {head: [[oa, aa] by seed]}}."""
    model, result = load(spec), {}
    for scene in scenes:
        cube, labels, block, limit, stride = labelled(scene)
        pixels = components(cube)
        w = labels.shape[1]
        labels = np.where(np.random.default_rng(7).random(labels.shape) < 1 / stride, labels, 0)
        splits = [block_split(labels, block, 0.3, limit, 5, s) for s in seeds]
        used = np.unique(np.concatenate([np.concatenate(s) for s in splits]))
        f = features(model, pixels, np.stack([used // w, used % w], 1))
        place = np.full(labels.size, -1)
        place[used] = np.arange(len(used))
        y_all = torch.from_numpy(labels.ravel().astype(np.int64))
        out = {h: [] for h in heads}
        for train, test in splits:
            known = torch.unique(y_all[train])
            if len(known) < 2 or len(test) < 20:
                continue
            lookup = torch.full((int(y_all.max()) + 1,), -1)
            lookup[known] = torch.arange(len(known))
            ya, yb = lookup[y_all[train]], lookup[y_all[test]]
            for h in heads:
                fit = lda_logits if h == "lda" else probe_logits
                a = fit(f[place[train]], ya, f[place[test]], len(known)).argmax(1)
                hit = (a == yb).float()
                aa = np.mean([hit[yb == c].mean() for c in torch.unique(yb)])
                out[h].append([100 * float(hit.mean()), 100 * float(aa)])
        result[scene] = out
    return result


def interval(difference, rounds=4000):
    rng = np.random.default_rng(0)
    d = np.asarray(difference)
    means = d[rng.integers(0, len(d), (rounds, len(d)))].mean(1)
    return f"{d.mean():+.1f} [{np.quantile(means, 0.05):+.1f}, {np.quantile(means, 0.95):+.1f}]"


def compare(specs, scenes, seeds, heads, inits):
    """Prints a table of networks against the mean of random weights."""
    base = [evaluate(f"random{i}", scenes, seeds, heads) for i in range(inits)]
    print("| network | scene | head | OA / AA | random weights: OA / AA | OA difference | AA difference |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for spec in specs:
        own = evaluate(spec, scenes, seeds, heads)
        for scene in scenes:
            for head in heads:
                a = np.array(own[scene][head])
                b = np.mean([r[scene][head] for r in base], 0)
                figures = [" / ".join(f"{v:.1f}" for v in m.mean(0)) for m in (a, b)]
                differences = [interval(a[:, i] - b[:, i]) for i in range(2)]
                print("|", " | ".join([Path(spec).stem, scene, head, *figures, *differences]), "|", flush=True)


# ---------------------------------------------------------------- training
def oriented(x, rng):
    k = rng.integers(8)
    x = torch.rot90(x, int(k % 4), (-2, -1))
    return x.flip(-1) if k >= 4 else x


def draw_blocks(h, w, share, rng):
    """Mask of a share of the blocks of a scene, of a random side: [h, w]."""
    block = rng.integers(10, 25)
    y, x = np.mgrid[:h, :w]
    of = (y + rng.integers(block)) // block * 100 + (x + rng.integers(block)) // block
    ids = np.unique(of)
    return np.isin(of, ids[rng.random(len(ids)) < share])


def draw_tokens(keep, rng):
    return torch.cat([MIDDLE, REST[torch.from_numpy(rng.permutation(12)[:keep])]])


def draw_size(rng):
    return int(rng.choice([7, 9, 9, 9, 11, 15]))


def draw_signs(rng):
    return rng.choice([-1.0, 1.0], (C, 1, 1)).astype(np.float32)


def draw_episode(tasks, rng, classes, support, query, size):
    """Support from some blocks and query from the other blocks: patches [n, 12, p, p], labels."""
    while True:
        pixels, labels = tasks[rng.integers(len(tasks))]
        h, w = labels.shape
        mine = draw_blocks(h, w, 0.4, rng)
        a = np.bincount(labels[mine], minlength=64)
        b = np.bincount(labels[~mine], minlength=64)
        good = np.flatnonzero((a >= support) & (b >= query))
        if len(good) < 4:
            continue
        chosen = rng.permutation(good)[:classes]
        rows, ys = [], []
        for part, n in ((mine, support), (~mine, query)):
            for i, c in enumerate(chosen):
                own = np.flatnonzero((part & (labels == c)).ravel())
                rows.append(rng.choice(own, n, replace=False))
                ys.append(np.full(n, i))
        rows, ys = np.concatenate(rows), torch.from_numpy(np.concatenate(ys))
        p = patches(pixels.astype(np.float32) * draw_signs(rng), np.stack([rows // w, rows % w], 1), size)
        p = torch.cat([oriented(q, rng) for q in p.split(max(1, len(p) // 16))])
        return p, ys, len(chosen)


def train(args):
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    tasks = torch.load(args.tasks, weights_only=False)
    model = load(args.start)
    sharpness = nn.Parameter(torch.tensor(1.0))
    parameters = [*model.parameters(), sharpness]
    opt = torch.optim.AdamW(parameters, lr=args.rate, betas=(0.9, 0.95), weight_decay=0.05)
    start, losses, hits = time.time(), [], []
    for step in range(args.steps):
        rate = args.rate * min(1, (step + 1) / 40) * 0.5 * (1 + math.cos(math.pi * step / args.steps))
        opt.param_groups[0]["lr"] = max(rate, 1e-6)
        size, keep = draw_size(rng), draw_tokens(args.keep, rng)
        x, y, classes = draw_episode(tasks, rng, 10, args.support, args.query, size)
        f, n = model(x, keep), classes * args.support
        logits = lda_logits(f[:n], y[:n], f[n:], classes)
        logits = logits / logits.detach().std() * sharpness.exp()
        loss = F.cross_entropy(logits, y[n:])
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1)
        opt.step()
        losses.append(float(loss.detach()))
        hits.append(float((logits.argmax(1) == y[n:]).float().mean()))
        if (step + 1) % 25 == 0 or step + 1 == args.steps:
            means = f"loss {np.mean(losses[-25:]):.3f}, hits {np.mean(hits[-25:]):.3f}"
            print(f"{step + 1}: {means}, {time.time() - start:.0f} s", flush=True)
            save_file({k: v.contiguous() for k, v in model.state_dict().items()}, args.path)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="what", required=True)
    m = sub.add_parser("tasks")
    m.add_argument("path")
    m.add_argument("--count", type=int, default=120)
    m.add_argument("--seed", type=int, default=0)
    t = sub.add_parser("train")
    t.add_argument("tasks")
    t.add_argument("path", help="safetensors file to write")
    t.add_argument("--start", default="random0")
    t.add_argument("--steps", type=int, default=300)
    t.add_argument("--rate", type=float, default=7e-4)
    t.add_argument("--keep", type=int, default=2, help="tokens of a group besides the four in the middle")
    t.add_argument("--support", type=int, default=6, help="pixels a class for the fit")
    t.add_argument("--query", type=int, default=5, help="pixels a class for the loss")
    t.add_argument("--seed", type=int, default=0)
    e = sub.add_parser("compare")
    e.add_argument("networks", nargs="+", help="mini, randomN or a safetensors file")
    e.add_argument("--scenes", default="houston0,samson,moffett,sundarbans")
    e.add_argument("--seeds", type=int, default=12)
    e.add_argument("--heads", default="lda")
    e.add_argument("--inits", type=int, default=2)
    args = p.parse_args()
    if args.what == "tasks":
        make_tasks(args.path, args.count, args.seed)
    elif args.what == "train":
        train(args)
    else:
        compare(args.networks, args.scenes.split(","), range(args.seeds), args.heads.split(","), args.inits)


if __name__ == "__main__":
    main()
