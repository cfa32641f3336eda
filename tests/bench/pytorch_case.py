"""One measurement of PyTorch or scikit-learn: `pytorch_case.py NAME JSON`, prints `{seconds, peakBytes}`. The model is tests/parity/reference.py's."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import scipy.io
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "parity"))
from reference import SpectralGPT  # noqa: E402


def times(repetitions, run):
    """The first two runs are warm-up and left out, as on our side."""
    seconds = []
    for _ in range(repetitions + 2):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds[2:]


def product(given):
    """The first product of base's perceptron, alone."""
    dtype = getattr(torch, given["precision"])
    x, weight = torch.randn(given["batch"], 768, dtype=dtype), torch.randn(768, 3072, dtype=dtype)
    return times(given["repetitions"], lambda: x @ weight)


def forward(given):
    """int8 is PyTorch's dynamic quantisation of linear layers."""
    dtype = torch.float32 if given["precision"] == "int8" else getattr(torch, given["precision"])
    model = SpectralGPT(768, 12, 12).eval().to(dtype)
    if given["precision"] == "int8":
        model = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    x = torch.randn(given["batch"], 12, 32, 32, dtype=dtype)

    def run():
        with torch.inference_mode():
            model(x)

    return times(given["repetitions"], run)


def krona_step(given):
    """KronA+ 384 x 2 on q and v, as PEFT's LoKr does it: the update is built once a step. bfloat16 by autocast."""
    model = SpectralGPT(768, 12, 12)
    for p in model.parameters():
        p.requires_grad_(False)
    factors = {
        (b, p): (nn.Parameter(torch.randn(384, 2) * 0.7), nn.Parameter(torch.zeros(2, 384))) for b in range(12) for p in "qv"
    }
    head = nn.Linear(768, 16)
    optimizer = torch.optim.AdamW([p for pair in factors.values() for p in pair] + list(head.parameters()), lr=1e-3, weight_decay=0.05)
    x = torch.randn(given["batch"], 12, 32, 32)
    labels = torch.arange(given["batch"]) % 16

    def run():
        with torch.autocast("cpu", torch.bfloat16, enabled=given["precision"] == "bfloat16"):
            features = model(x, lambda b, p, y: F.linear(y, torch.kron(*factors[b, p])))[1]
            loss = F.cross_entropy(head(features).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return times(given["repetitions"], run)


def pca(given):
    cube = scipy.io.loadmat(given["file"])["input"]
    pixels = cube.reshape(-1, cube.shape[2]).astype(np.float64)
    return times(given["repetitions"], lambda: PCA(n_components=12, svd_solver="full").fit_transform(pixels))


def main():
    name, given = sys.argv[1], json.loads(sys.argv[2])
    seconds = {"product": product, "forward": forward, "trainingStep": krona_step, "pca": pca}[name](given)
    peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
    print(json.dumps({"seconds": seconds, "peakBytes": peak}))


main()
