"""
What else unlabelled pixels give to averaged features, on disjoint blocks and on TR/TE: an experiment with PyTorch.

    tests/bench/unlabelled_land.py blocks --seeds 8 [--first 8 --ideas lda,lda:self,svm5:scene,svm5:view]
    tests/bench/unlabelled_land.py split

`blocks` applies each idea to the discriminant analysis (shrinkage 0.3) on features averaged along walks of `sides`, and
to SVMs on patches averaged alike; rows name the side, then the idea. Averaging and every idea see unlabelled pixels of
the test land. `split` maps Indian Pines from the 695 training pixels of TR; walks may go anywhere. To choose reaches it
also prints the accuracy on these pixels, each of four parts predicted from the other three. Walks are those of
diffuse_features.py; splits, networks, heads and intervals are those of pretrain_episodes.py.

Needs torch, numpy, scipy, scikit-learn and safetensors. docs/new-land.md and docs/experiments.md have the results.
"""

import argparse
import os
from functools import partial

import numpy as np
import scipy.io as sio
import torch
import torch.nn.functional as F
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from diffuse_features import GUARD, Walks
from pretrain_episodes import DATA, block_split, components, features, interval, labelled, lda_logits, load, patches
from pretrain_episodes import probe_logits

REACHES = (0, 1, 2, 3, 5, 7, 10)


class Scene:
    def __init__(self, name, cache):
        self.cube, self.labels, self.block, self.limit, stride = labelled(name)
        self.labels = np.where(np.random.default_rng(7).random(self.labels.shape) < 1 / stride, self.labels, 0)
        self.pixels, self.cache, self.kept, self.walks = components(self.cube), cache, {}, {}
        self.place = np.stack(np.unravel_index(np.arange(self.labels.size), self.labels.shape), 1)

    def own(self, name):
        """Values of all pixels: `miniN` features of patch N, `rawN` the patch itself."""
        if name in self.kept:
            return self.kept[name]
        path, size = f"{self.cache}/{name}-{'-'.join(map(str, self.labels.shape))}.npy", int(name.lstrip("miniraw"))
        if name.startswith("raw"):
            found = patches(self.pixels, self.place, size).reshape(len(self.place), -1).numpy()
        elif self.cache and os.path.exists(path):
            found = np.load(path)
        else:
            found = features(load("mini"), self.pixels, self.place, size).numpy()
            if self.cache:
                np.save(path, found)
        return self.kept.setdefault(name, found)


class Land:
    """Training pixels, the land of the training blocks and the test land of one seed."""

    def __init__(self, scene, seed):
        self.scene, (h, w), block = scene, scene.labels.shape, scene.block
        self.seed, self.averages, self.kept = seed, {}, {}
        self.train, test = block_split(scene.labels, block, 0.3, scene.limit, GUARD, seed)
        self.blocks = scene.place // block @ [-(-w // block), 1]
        self.inside = np.isin(self.blocks, np.unique(self.blocks[self.train]))
        grown = F.max_pool2d(torch.from_numpy(self.inside.reshape(1, 1, h, w)).float(), 2 * GUARD + 1, 1, GUARD)
        self.beyond = grown.numpy().ravel() == 0
        self.far = np.flatnonzero(self.beyond)
        known, labels = np.unique(scene.labels.ravel()[self.train]), scene.labels.ravel()
        self.classes = len(known)
        self.y, self.truth = np.searchsorted(known, labels[self.train]), np.searchsorted(known, labels[test])
        self.rows = np.searchsorted(self.far, test)

    def mean(self, name, reach):
        """Values of all pixels, averaged along walks that do not pass between training land and test land."""
        if (name, reach) not in self.kept:
            if reach not in self.averages:
                walks = self.scene.walks.setdefault(reach, Walks(self.scene.cube, reach))
                i, j = walks.pairs
                self.averages[reach] = walks.averaging(self.beyond[i] == self.beyond[j])
            self.kept[name, reach] = self.averages[reach](self.scene.own(name))
        return self.kept[name, reach]

    def score(self, outputs):
        hit = outputs.argmax(1)[self.rows] == self.truth
        return 100 * hit.mean(), 100 * np.mean([hit[self.truth == c].mean() for c in np.unique(self.truth)])


def softmax(x):
    return torch.softmax(torch.from_numpy(x), 1).numpy()


def machine(x, y, test, classes, scale, platt=False):
    """Decision values of an SVM, or Platt's probabilities; inputs are standardised by the pixels of `scale`."""
    scaler = StandardScaler().fit(scale)
    model = SVC(C=10, probability=platt, random_state=0).fit(scaler.transform(x), y)
    out = np.full((len(test), classes), 0.0 if platt else -1.0)
    out[:, model.classes_] = (model.predict_proba if platt else model.decision_function)(scaler.transform(test))
    return out


def frequencies(p, prior, rounds=100):
    """Probabilities adjusted to class frequencies that expectation maximisation finds in them."""
    q = prior
    for _ in range(rounds):
        adjusted = p * (q / prior)
        adjusted /= adjusted.sum(1, keepdims=True)
        q = adjusted.mean(0)
    return adjusted


def pseudo(outputs, least, rng):
    """At most 200 random pixels a class of those with this confidence: rows, classes."""
    confidence, found = outputs.max(1), outputs.argmax(1)
    rows = [rng.permutation(np.flatnonzero((found == c) & (confidence >= least)))[:200] for c in np.unique(found)]
    rows = np.concatenate(rows)
    return rows, found[rows]


def standardise(x, groups):
    """Each group of pixels less its mean, over its deviation."""
    out = np.empty_like(x)
    for g in np.unique(groups):
        own = x[groups == g]
        out[groups == g] = (own - own.mean(0)) / own.std(0).clip(1e-3)
    return out


def final_norm(land, x, test, temperature, steps=30, rate=1e-3):
    """Lowers the entropy of confident test land by the final norm's scale and shift; averaging commutes with both."""
    norm = load("mini").norm
    scale, shift = norm.weight.detach().double(), norm.bias.detach().double()
    eye = torch.cat([torch.zeros(1, x.shape[1]), torch.eye(x.shape[1])]).double()
    linear = lda_logits(torch.from_numpy(x).double(), torch.from_numpy(land.y), eye, land.classes)
    bias, weight = linear[0], linear[1:] - linear[0]
    inner = (torch.from_numpy(test).double().reshape(len(test), -1, len(scale)) - shift) / scale
    scale, shift = scale.clone().requires_grad_(), shift.clone().requires_grad_()
    logits = lambda rows: (inner[rows] * scale + shift).flatten(1) @ weight + bias
    optimiser, g = torch.optim.Adam([scale, shift], lr=rate), torch.Generator().manual_seed(land.seed)
    for _ in range(steps):
        log = torch.log_softmax(logits(torch.randint(len(test), (1024,), generator=g)) / temperature, 1)
        sure = log.detach().max(1).values.exp() >= 0.95
        loss = -(log.exp() * log)[sure].sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        return logits(slice(None)).numpy()


def outputs(land, name):
    """Outputs of one side and idea for the test land: `lda` or `svmN` for patch N, then `:` and the idea."""
    side, _, idea = name.partition(":")
    train, far, y, k, rng = land.train, land.far, land.y, land.classes, np.random.default_rng(land.seed)
    base = "mini9" if side == "lda" else f"raw{side[3:]}"
    f = land.mean(base, 10)
    sizes = ("mini9", "mini5", "raw1") if side == "lda" else ("raw1", "raw5", "raw9")
    several = {"reaches": [(base, r) for r in (5, 10, 20)], "ensemble": [(n, 10) for n in sizes]}
    several |= {"beside": several["reaches"], "sizes": several["ensemble"][:2]}

    def fit(f, x=None, y=y, platt=False):
        x = f[train] if x is None else x
        if side == "lda":
            return lda_logits(*map(torch.from_numpy, (x, y, f[far])), k).numpy()
        return machine(x, y, f[far], k, f[np.r_[train, far]] if idea else x, platt)

    if idea in ("", "scene"):  # the discriminant analysis does not depend on the scale of its inputs
        return fit(f)
    if idea == "land":
        return fit(standardise(f, np.where(land.inside, 0, np.where(land.beyond, 1, 2))))
    if idea == "block":
        return fit(standardise(f, land.blocks * 2 + land.beyond))
    if idea == "local":
        return fit(f - 0.5 * land.mean(base, 40))
    if idea == "frequencies":
        p = softmax(fit(f)) if side == "lda" else fit(f, platt=True)
        return frequencies(p, np.bincount(y, minlength=k) / len(y))
    if idea.startswith("norm"):
        return final_norm(land, f[train], f[far], float(idea[4:]))
    if idea in ("reaches", "ensemble"):
        return sum(fit(land.mean(*m)) for m in several[idea])
    if idea in ("beside", "sizes"):
        return fit(np.concatenate([land.mean(*m) for m in several[idea]], 1))
    # Self-training; a `view` learns pseudo-labels of averaged values on the values as they are.
    own, rounds = (land.scene.own(base), 1) if idea == "view" else (f, 3)
    found = fit(f)
    for _ in range(rounds):
        rows, of = pseudo(softmax(found), 0.95, rng) if side == "lda" else pseudo(found, -np.inf, rng)
        found = fit(f, np.r_[own[train], own[far][rows]], np.r_[y, of])
    return found


def blocks(args):
    scene, result = Scene(args.scene, args.cache), {}
    for seed in range(args.first, args.first + args.seeds):
        land = Land(scene, seed)
        for idea in args.ideas.split(","):
            result.setdefault(idea, []).append(land.score(outputs(land, idea)))
        print(seed, {k: f"{v[-1][0]:.1f}" for k, v in result.items()}, flush=True)
    result = {k: np.array(v) for k, v in result.items()}
    print(f"| idea | OA / AA | {args.compare} less this: OA; AA |\n| --- | --- | --- |")
    for name, v in result.items():
        gain = result[args.compare] - v
        print(f"| {name} | {v[:, 0].mean():.1f} / {v[:, 1].mean():.1f} | {'; '.join(map(interval, gain.T))} |")


def split(args):
    """Prints accuracy by head, reach of averaging and reach of the votes, on held-back and test pixels."""
    d, scene = sio.loadmat(f"{DATA}/indian_pines/IndianPine.mat"), Scene("indian", args.cache)
    f, tr, te = scene.own("mini15"), d["TR"].astype(int).ravel(), d["TE"].astype(int).ravel()
    k = tr.max()
    a, b = np.flatnonzero(tr), np.flatnonzero(te)
    y, truth, rng = tr[a] - 1, te[b] - 1, np.random.default_rng(args.seed)
    part = np.empty(len(a), int)
    for c in range(k):
        own = rng.permutation(np.flatnonzero(y == c))
        part[own] = np.arange(len(own)) % 4
    walks = {r: Walks(scene.cube, r).averaging(slice(None)) if r else lambda v: v for r in REACHES}
    rate = lambda hit, y: f"{100 * hit.mean():.2f} / {100 * np.mean([hit[y == c].mean() for c in range(k)]):.2f}"
    print("| head | averaged | smoothed | held back: OA / AA | test: OA / AA |\n| --- | --- | --- | --- | --- |")
    for reach in REACHES:
        g = torch.from_numpy(walks[reach](f))
        for head, fit in ("analysis", lda_logits), ("probe", partial(probe_logits, seed=args.seed)):
            maps = [fit(g[a[part != q]], torch.from_numpy(y[part != q]), g, k) for q in range(4)]
            maps.append(fit(g[a], torch.from_numpy(y), g, k))
            votes = torch.cat([F.one_hot(m.argmax(1), k).float() for m in maps], 1).numpy()
            for smooth in REACHES:
                found = walks[smooth](votes).reshape(len(f), 5, k).argmax(2)
                held, test = found[a, part] == y, found[b, 4] == truth
                print(f"| {head} | {reach} | {smooth} | {rate(held, y)} | {rate(test, truth)} |", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cache", help="folder that keeps features of whole scenes")
    sub = p.add_subparsers(dest="what", required=True)
    b = sub.add_parser("blocks")
    b.add_argument("--scene", default="indian")
    b.add_argument("--first", type=int, default=0)
    b.add_argument("--seeds", type=int, default=8)
    b.add_argument("--ideas", default="lda,lda:self,svm5,svm5:scene,svm5:view", help="see outputs()")
    b.add_argument("--compare", default="lda", help="row that the others are compared with")
    s = sub.add_parser("split")
    s.add_argument("--seed", type=int, default=0, help="of the parts held back, and of the probe")
    args = p.parse_args()
    (blocks if args.what == "blocks" else split)(args)


if __name__ == "__main__":
    main()
