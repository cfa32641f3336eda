"""
Features averaged along spectral walks, and a discriminant analysis, on disjoint blocks: an experiment with PyTorch.

    tests/bench/diffuse_features.py indian --seeds 8 --first 8

Walks are those of shared/map/src/smooth/random-walk.ts: a walk moves to a neighbour with weight exp(-4 d² / mean d²) and
stops with weight 1 / reach². `sides` lets no walk pass from the training blocks and their guard band to the test land,
nor back; `stays` keeps walks out of the band; `crosses` lets them pass. Votes of smoothed maps go along the walks of
`sides`. Splits, networks and heads are those of pretrain_episodes.py; intervals are its 90 % bootstrap intervals.

Needs torch, numpy, scipy, scikit-learn and safetensors. docs/new-land.md has the results.
"""

import argparse

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spl
import torch
import torch.nn.functional as F
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from pretrain_episodes import block_split, components, features, interval, labelled, lda_logits, load, patches, probe_logits

GUARD = 5
PLANS = [("mini", "lda"), ("mini", "probe"), ("random0", "lda"), ("raw9", "svm"), ("raw5", "svm"), ("raw1", "svm")]


class Walks:
    def __init__(self, cube, reach):
        self.h, self.w, bands = cube.shape
        place = np.arange(self.h * self.w).reshape(self.h, self.w)
        right = np.stack([place[:, :-1].ravel(), place[:, 1:].ravel()])
        below = np.stack([place[:-1].ravel(), place[1:].ravel()])
        self.pairs = np.concatenate([right, below], 1)
        x = cube.reshape(-1, bands).astype(np.float64)
        distance = ((x[self.pairs[0]] - x[self.pairs[1]]) ** 2).sum(1)
        self.weight = np.where(distance == 0, 1, np.exp(-4 * distance / distance[distance > 0].mean()))
        self.stop = 1 / reach**2

    def averaging(self, keep):
        """Returns the function from values [pixels, n] to their means along walks over the edges that are kept."""
        (i, j), v, n = self.pairs[:, keep], self.weight[keep], self.h * self.w
        weights = sp.coo_matrix((np.r_[v, v], (np.r_[i, j], np.r_[j, i])), shape=(n, n)).tocsc()
        laplacian = sp.diags(np.asarray(weights.sum(0)).ravel()) - weights
        solver = spl.splu((laplacian + self.stop * sp.identity(n)).tocsc())
        return lambda f: solver.solve(self.stop * f.astype(np.float64)).astype(np.float32)


def predict(head, train, y, test, classes):
    if head == "svm":
        scale = StandardScaler().fit(train)
        return SVC(C=10).fit(scale.transform(train), y).predict(scale.transform(test))
    fit = lda_logits if head == "lda" else probe_logits
    return fit(torch.from_numpy(train), torch.from_numpy(y), torch.from_numpy(test), classes).argmax(1).numpy()


def measure(scene, seeds, reach, modes):
    """OA and AA by seed of every mode, features, head and smoothing."""
    cube, labels, block, limit, stride = labelled(scene)
    labels = np.where(np.random.default_rng(7).random(labels.shape) < 1 / stride, labels, 0)
    h, w = labels.shape
    pixels, walks = components(cube), Walks(cube, reach)
    places = np.stack([np.arange(h * w) // w, np.arange(h * w) % w], 1)
    own = {name: features(load(name), pixels, places).numpy() for name in ("mini", "random0")}
    own |= {f"raw{n}": patches(pixels, places, n).reshape(h * w, -1).numpy() for n in (9, 5, 1)}
    crossing = {k: walks.averaging(slice(None))(f) for k, f in own.items()} if "crosses" in modes else {}
    result = {}
    for seed in seeds:
        train, test = block_split(labels, block, 0.3, limit, GUARD, seed)
        blocks = (places[:, 0] // block) * -(-w // block) + places[:, 1] // block
        inside = np.isin(blocks, np.unique(blocks[train]))
        grown = F.max_pool2d(torch.from_numpy(inside.reshape(1, 1, h, w)).float(), 2 * GUARD + 1, 1, GUARD)
        beyond = grown.numpy().ravel() == 0
        i, j = walks.pairs
        sides = walks.averaging(beyond[i] == beyond[j])
        stays = walks.averaging((inside[i] & inside[j]) | (beyond[i] & beyond[j])) if "stays" in modes else None
        known = np.unique(labels.ravel()[train])
        number = np.full(labels.max() + 1, -1)
        number[known] = np.arange(len(known))
        ya, yb = number[labels.ravel()[train]], number[labels.ravel()[test]]
        far = np.flatnonzero(beyond)
        row = np.full(h * w, -1)
        row[far] = np.arange(len(far))
        for mode in modes:
            f = {"plain": own, "crosses": crossing}.get(mode)
            f = f or {k: (sides if mode == "sides" else stays)(v) for k, v in own.items()}
            for name, head in PLANS:
                found = predict(head, f[name][train], ya, f[name][far], len(known))
                votes = np.zeros((h * w, len(known)), np.float32)
                votes[far, found] = 1
                for kind, p in ("", found[row[test]]), (" smoothed", sides(votes)[test].argmax(1)):
                    hit = p == yb
                    aa = np.mean([hit[yb == c].mean() for c in np.unique(yb)])
                    result.setdefault(f"{mode} {name} {head}{kind}", []).append([100 * hit.mean(), 100 * aa])
        print(seed, {k: round(v[-1][0], 1) for k, v in result.items()}, flush=True)
    return {k: np.array(v) for k, v in result.items()}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("scene")
    p.add_argument("--first", type=int, default=0)
    p.add_argument("--seeds", type=int, default=8)
    p.add_argument("--reach", type=float, default=10)
    p.add_argument("--modes", default="plain,sides", help="of plain, sides, stays, crosses")
    p.add_argument("--compare", default="sides mini lda", help="row that the others are compared with")
    args = p.parse_args()
    seeds = range(args.first, args.first + args.seeds)
    result = measure(args.scene, seeds, args.reach, args.modes.split(","))
    print(f"| features, head | OA / AA | {args.compare} less this: OA; AA |\n| --- | --- | --- |")
    for name, v in result.items():
        gain = result[args.compare] - v
        print(f"| {name} | {v[:, 0].mean():.1f} / {v[:, 1].mean():.1f} | {interval(gain[:, 0])}; {interval(gain[:, 1])} |")


if __name__ == "__main__":
    main()
