"""Parity at base size, which is too large for a fixture: imports a checkpoint of the release's structure, predicts, and compares with PyTorch.

Run it with `make parity-base`: it needs the virtual environment of the fixtures, the built project, and DATA, the folder of real scenes. Weights are
random, since the released ones are not here; patches are real ones of Indian Pines. Prints one JSON object.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import scipy.io
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from torch import nn

from reference import SpectralGPT

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("DATA", ROOT.parent / "shared" / "data"))
OUT = ROOT / "out" / "parity-base"
PATCHES, PATCH_SIZE, CLASSES = 512, 15, 16


def checkpoint(model):
    """About 1.1 GB: encoder, decoder and AdamW's state, as pretraining saves them."""
    state = dict(model.state_dict())
    state["pos_embed_spatial"] = torch.randn(1, 256, 768) * 0.02
    state["decoder_embed.weight"] = torch.randn(512, 768)
    moments = {i: {"step": 1, "exp_avg": p.detach() * 0.1, "exp_avg_sq": p.detach() ** 2} for i, p in enumerate(model.parameters())}
    optimizer = {"state": moments, "param_groups": []}
    torch.save({"model": state, "optimizer": optimizer, "epoch": 199, "args": argparse.Namespace(lr=1e-4)}, OUT / "release.pth")
    grid = state["pos_embed_spatial"].reshape(1, 16, 16, 768).permute(0, 3, 1, 2)
    resized = F.interpolate(grid, size=(4, 4), mode="bicubic", align_corners=False)
    with torch.no_grad():
        model.pos_embed_spatial.copy_(resized.permute(0, 2, 3, 1).reshape(1, 16, 768))


def indian_pines_patches(rng):
    cube = scipy.io.loadmat(DATA / "indian_pines" / "IndianPine.mat")["input"].astype(np.float64)
    rows, columns, bands = cube.shape
    scores = PCA(12).fit_transform(cube.reshape(-1, bands))
    scores = ((scores - scores.mean(0)) / scores.std(0)).reshape(rows, columns, 12)
    half = PATCH_SIZE // 2
    padded = np.pad(scores, ((half, half), (half, half), (0, 0)), mode="reflect")
    chosen = rng.choice(rows * columns, PATCHES, replace=False)
    patches = np.stack([padded[i // columns :, i % columns :][:PATCH_SIZE, :PATCH_SIZE] for i in chosen])
    tensor = torch.from_numpy(patches).permute(0, 3, 1, 2).float()
    return F.interpolate(tensor, size=32, mode="bilinear", align_corners=False)


def hyperswap(*arguments):
    """Runs a command. Returns seconds and peak memory in MiB (of its own image: what a child reports counts its parent's pages too)."""
    start, peak = time.time(), 0
    process = subprocess.Popen([str(ROOT / "bin" / "hyperswap"), "--home", str(OUT / "home"), *arguments], stdout=sys.stderr)
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = max(peak, int(status.split("VmHWM:")[1].split()[0]))
        except (OSError, IndexError):
            pass
        time.sleep(0.02)
    assert process.returncode == 0, arguments
    return {"seconds": round(time.time() - start, 1), "peakMiB": round(peak / 1024)}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    model = SpectralGPT(768, 12, 12).eval()
    checkpoint(model)
    x = indian_pines_patches(np.random.default_rng(0))
    np.save(OUT / "x.npy", x.numpy())
    head = nn.Linear(768, CLASSES)
    with torch.inference_mode():
        wanted = torch.cat([model(part)[1] for part in x.split(64)])
        centred = head(wanted - wanted.mean(0))
    report = {"checkpointMB": round((OUT / "release.pth").stat().st_size / 1e6)}
    report["import"] = hyperswap("backbone", "import", str(OUT / "release.pth"), "--name", "base-random")
    for precision in ("float32", "bfloat16"):
        out = OUT / f"{precision}.npy"
        common = ("--backbone", "base-random", "--precision", precision)
        cost = hyperswap(*common, "predict", "--patches", str(OUT / "x.npy"), "--out", str(out))
        found = torch.from_numpy(np.load(out))
        with torch.inference_mode():
            logits = head(found - wanted.mean(0))
        report[precision] = {
            **cost,
            "features": float((found - wanted).abs().max()),
            "logits": float((logits - centred).abs().max()),
            "cosine": float(F.cosine_similarity(found, wanted).min()),
            "argMaxAgreement": float((logits.argmax(1) == centred.argmax(1)).float().mean()),
        }
    print(json.dumps(report, indent=2))


main()
