"""Writes tests/parity/fixtures: what PyTorch, scikit-learn and scipy compute, for the TypeScript tests to compare with.

Run it with `make parity-fixtures`.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import scipy.io
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score, balanced_accuracy_score, cohen_kappa_score, confusion_matrix, f1_score
from torch import nn

from hyper_sigma import hyper_sigma, shapes as hyper_sigma_shapes
from mamba_hsi import mamba_hsi, shapes as mamba_hsi_shapes
from reference import SpectralGPT
from spectral_former import spectral_former

OUT = Path(__file__).parent / "fixtures"
OUT.mkdir(exist_ok=True)
torch.manual_seed(0)
rng = np.random.default_rng(0)


def values(tensor):
    array = tensor.detach().numpy() if torch.is_tensor(tensor) else np.asarray(tensor)
    return {"shape": list(array.shape), "values": [float(v) for v in array.astype(np.float32).ravel()]}


def write(name, content):
    (OUT / name).write_text(json.dumps(content, separators=(",", ":")) + "\n")


def model_fixture():
    width, depth, heads, classes, patches = 32, 2, 4, 5, 3
    model = SpectralGPT(width, depth, heads)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.05)
    x = torch.randn(patches, 12, 32, 32)
    labels = torch.tensor([0, 3, 1])
    head = nn.Linear(width, classes)
    states, pooled = model(x)
    result = {
        "config": {"width": width, "depth": depth, "heads": heads},
        "parameters": {name: values(p) for name, p in model.named_parameters()},
        "input": values(x),
        "head": {"weight": values(head.weight), "bias": values(head.bias)},
        "labels": labels.tolist(),
        "states": [values(s.reshape(-1, width)) for s in states],
        "pooled": values(pooled),
        "logits": values(head(pooled)),
        "methods": {},
    }

    def lora(f, y):
        return (y @ f["lora_a"].T @ f["lora_b"].T) * (6 / 3)

    def krona(f, y):
        return y @ (0.5 * torch.kron(f["krona_a"], f["krona_b"])).T

    def bitfit(f, y):
        return f["bias_update"]

    def lokr(f, y):
        return y @ (4 / 2 * torch.kron(f["lokr_c"], f["lokr_b"] @ f["lokr_a"])).T

    def loha(f, y):
        return y @ (3 / 2 * (f["loha_b1"] @ f["loha_a1"]) * (f["loha_b2"] @ f["loha_a2"])).T

    def dora(f, y, weight):
        moved = weight + 6 / 3 * f["lora_b"] @ f["lora_a"]
        magnitude = (1 + f["dora_magnitude"]) * weight.norm(dim=1)
        return y @ (magnitude[:, None] * moved / moved.norm(dim=1, keepdim=True) - weight).T

    shapes = {
        "lora": ({"lora_a": (3, width), "lora_b": (width, 3)}, lora, {"rank": 3, "alpha": 6}),
        "krona": ({"krona_a": (8, 2), "krona_b": (4, 16)}, krona, {"rows": 8, "columns": 2, "scale": 0.5}),
        "bitfit": ({"bias_update": (width,)}, bitfit, {}),
        "lokr": ({"lokr_c": (4, 4), "lokr_a": (2, 8), "lokr_b": (8, 2)}, lokr, {"factor": 4, "rank": 2, "alpha": 4}),
        "loha": ({"loha_a1": (2, width), "loha_b1": (width, 2), "loha_a2": (2, width), "loha_b2": (width, 2)}, loha, {"rank": 2, "alpha": 3}),
        "dora": ({"lora_a": (3, width), "lora_b": (width, 3), "dora_magnitude": (width,)}, dora, {"rank": 3, "alpha": 6}),
    }
    loss = F.cross_entropy(head(pooled), labels)
    loss.backward()
    result["full"] = {"loss": loss.item(), "gradients": {name: values(p.grad) for name, p in model.named_parameters()}}
    for p in model.parameters():
        p.requires_grad_(False)
    for name, (factors, apply, settings) in shapes.items():
        learned = {
            f"blocks.{b}.attn.{p}.{k}": (torch.randn(*s) * 0.1).requires_grad_()
            for b in range(depth)
            for p in "qv"
            for k, s in factors.items()
        }
        weights = lambda b, p: [model.get_parameter(f"blocks.{b}.attn.{p}.weight")] if apply is dora else []
        update = lambda b, p, y: apply({k: learned[f"blocks.{b}.attn.{p}.{k}"] for k in factors}, y, *weights(b, p))
        _, features = model(x, update)
        logits = head(features)
        loss = F.cross_entropy(logits, labels, label_smoothing=0.1)
        loss.backward()
        result["methods"][name] = {
            "settings": settings,
            "factors": {k: values(v) for k, v in learned.items()},
            "gradients": {k: values(v.grad) for k, v in learned.items()},
            "logits": values(logits),
            "loss": loss.item(),
        }
    write("model.json", result)


def resize_fixture():
    cases = []
    for size in (9, 15, 27, 32, 45):
        patch = torch.randn(1, 2, size, size)
        cases.append({"patch": values(patch), "resized": values(F.interpolate(patch, size=32, mode="bilinear", align_corners=False))})
    write("resize.json", cases)


def pca_fixture():
    mixing = rng.normal(size=(6, 20))
    scene = (rng.normal(size=(30 * 20, 6)) * [9, 5, 3, 2, 1, 0.5]) @ mixing + rng.normal(size=(600, 20)) * 0.1 + 2500
    scene = scene.astype(np.float32)
    pca = PCA(n_components=12, svd_solver="full").fit(scene.astype(np.float64))
    signs = np.sign(pca.components_[np.arange(12), np.abs(pca.components_).argmax(1)])
    write(
        "pca.json",
        {
            "scene": values(scene),
            "mean": values(pca.mean_),
            "components": values(pca.components_ * signs[:, None]),
            "explainedVariance": values(pca.explained_variance_),
            "explainedVarianceRatio": values(pca.explained_variance_ratio_),
            "scores": values(pca.transform(scene.astype(np.float64)) * signs),
        },
    )


def adamw_fixture():
    matrix, vector = torch.randn(4, 3), torch.randn(4)
    target = torch.randn(4, 3)
    start = {"matrix": values(matrix), "vector": values(vector), "target": values(target)}
    matrix, vector = nn.Parameter(matrix), nn.Parameter(vector)
    optimizer = torch.optim.AdamW([{"params": [matrix], "weight_decay": 0.05}, {"params": [vector], "weight_decay": 0.0}], lr=0.01)
    for _ in range(10):
        optimizer.zero_grad()
        (((matrix - target) ** 2).sum() + (vector**4).sum()).backward()
        optimizer.step()
    write("adamw.json", {**start, "learningRate": 0.01, "steps": 10, "matrixAfter": values(matrix), "vectorAfter": values(vector)})


def metrics_fixture():
    truth = rng.integers(1, 6, 300)
    predicted = np.where(rng.random(300) < 0.7, truth, rng.integers(1, 6, 300))
    write(
        "metrics.json",
        {
            "truth": truth.tolist(),
            "predicted": predicted.tolist(),
            "oa": accuracy_score(truth, predicted),
            "aa": balanced_accuracy_score(truth, predicted),
            "kappa": cohen_kappa_score(truth, predicted),
            "f1": f1_score(truth, predicted, average=None).tolist(),
            "confusion": confusion_matrix(truth, predicted).ravel().tolist(),
        },
    )


def mat_fixture():
    content = {"cube": np.arange(24, dtype=np.float64).reshape(2, 3, 4), "map": np.arange(6, dtype=np.uint8).reshape(2, 3), "text": "passed over"}
    scipy.io.savemat(OUT / "plain.mat", content)
    scipy.io.savemat(OUT / "compressed.mat", content, do_compression=True)


class Hostile:
    """Unpickled by Python, it would make a file."""

    def __reduce__(self):
        return os.system, ("touch hyperswap-was-here",)


def checkpoint_fixture():
    """A checkpoint of the release's structure at a small size, with all that real ones have beside the encoder."""
    width, heads = 16, 4
    model = SpectralGPT(width, 2, heads)
    state = {name: p.detach() for name, p in model.state_dict().items()}
    # Pretraining at 128 pixels has 16 x 16 tokens a group.
    state["pos_embed_spatial"] = torch.randn(1, 256, width) * 0.2
    state["decoder_embed.weight"], state["mask_token"] = torch.randn(8, width), torch.randn(1, 1, 8)
    state["head.weight"] = torch.randn(5, width)
    stored = dict(state)
    # What PyTorch allows: a view of another's storage, one that is not row by row, half types.
    both = torch.cat([state["blocks.0.attn.q.weight"], state["blocks.0.attn.k.weight"]])
    stored["blocks.0.attn.q.weight"], stored["blocks.0.attn.k.weight"] = both[:width], both[width:]
    stored["blocks.0.attn.v.weight"] = state["blocks.0.attn.v.weight"].t().contiguous().t()
    stored["blocks.1.mlp.fc1.weight"] = state["blocks.1.mlp.fc1.weight"].half()
    stored["blocks.1.mlp.fc2.weight"] = state["blocks.1.mlp.fc2.weight"].bfloat16()
    for name, tensor in stored.items():
        state[name] = tensor.float()
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.randn(1, 12, 32, 32))[1].sum().backward()
    optimizer.step()
    args = argparse.Namespace(model="mae_vit_base_patch8_128", mask_ratio=0.9, output_dir=Path("out"))
    beside = {"optimizer": optimizer.state_dict(), "epoch": 199, "scaler": {"scale": 65536.0}, "args": args}
    torch.save({"model": stored, **beside}, OUT / "release.pth")
    torch.save({"model": stored, "extra": Hostile()}, OUT / "hostile.pth")

    grid = state["pos_embed_spatial"].reshape(1, 16, 16, width).permute(0, 3, 1, 2)
    resized = F.interpolate(grid, size=(4, 4), mode="bicubic", align_corners=False).permute(0, 2, 3, 1).reshape(1, 16, width)
    state["pos_embed_spatial"] = resized
    model.load_state_dict({k: v for k, v in state.items() if k in model.state_dict()})
    x = torch.randn(2, 12, 32, 32)
    folded = resized.repeat(1, 4, 1) + state["pos_embed_temporal"].repeat_interleave(16, dim=1)
    write(
        "checkpoint.json",
        {
            "heads": heads,
            "spatial": values(resized),
            "folded": values(folded),
            "transposed": values(state["blocks.0.attn.v.weight"]),
            "half": values(state["blocks.1.mlp.fc1.weight"]),
            "bfloat16": values(state["blocks.1.mlp.fc2.weight"]),
            "shared": values(state["blocks.0.attn.k.weight"]),
            "input": values(x),
            "pooled": values(model(x)[1]),
        },
    )


def wave(count, start):
    """Values that both languages make alike, so that the fixture need not hold them."""
    return 0.2 * np.sin(1.7 * np.arange(count) + start)


def spectral_former_fixture():
    bands, area, classes, patches, width, hidden = 12, 9, 3, 4, 64, 8
    tokens = bands + 1
    shapes = {"embedding": (width, 3 * area), "head": (classes, width)}
    vectors = {"embedding.bias": width, "head.bias": classes}
    norms = ["head.norm"]
    for layer in range(5):
        block = f"layer{layer}.0"
        shapes |= {f"{block}.attn.{name}": (width, width) for name in ("q", "k", "v", "proj")}
        shapes |= {f"{block}.mlp.fc1": (hidden, width), f"{block}.mlp.fc2": (width, hidden)}
        vectors |= {f"{block}.attn.proj.bias": width, f"{block}.mlp.fc1.bias": hidden, f"{block}.mlp.fc2.bias": width}
        norms += [f"{block}.norm1", f"{block}.norm2"]
        if layer > 1:
            shapes[f"layer{layer}.fusion"] = (tokens, 2 * tokens)
            vectors[f"layer{layer}.fusion.bias"] = tokens
    all_shapes = {f"{name}.weight": shape for name, shape in shapes.items()}
    all_shapes |= {name: (count,) for name, count in vectors.items()}
    all_shapes |= {f"{name}.{kind}": (width,) for name in norms for kind in ("weight", "bias")}
    all_shapes |= {"position": (1, tokens, width), "class": (1, 1, width)}
    p = {}
    for start, (name, shape) in enumerate(sorted(all_shapes.items())):
        base = 1 if name.endswith(tuple(f"{norm}.weight" for norm in norms)) else 0
        array = base + wave(int(np.prod(shape)), start).reshape(shape)
        p[name] = torch.tensor(array, dtype=torch.float32, requires_grad=True)
    x = torch.tensor(5 * wave(patches * bands * area, 0.5).reshape(patches, bands, area), dtype=torch.float32)
    labels = torch.tensor([0, 2, 1, 2])
    logits = spectral_former(x, p)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    write(
        "spectral-former.json",
        {
            "bands": bands,
            "area": area,
            "classes": classes,
            "labels": labels.tolist(),
            "logits": values(logits),
            "loss": loss.item(),
            "gradients": gradients_of(p),
        },
    )


def gradients_of(p):
    """Each gradient's product with a wave, and its length: whole gradients would take a megabyte."""
    return {
        name: {
            "shape": list(value.shape),
            "alongWave": float(value.grad.double().numpy().ravel() @ wave(value.numel(), 0.25)),
            "length": float(value.grad.double().norm()),
        }
        for name, value in sorted(p.items())
    }


def mamba_hsi_fixture():
    height, width, bands, classes = 13, 11, 7, 5
    p = {}
    for start, (name, shape) in enumerate(sorted(mamba_hsi_shapes(bands, classes).items())):
        base = 1 if name.endswith(("norm.weight", ".D")) else 0
        array = base + wave(int(np.prod(shape)), start).reshape(shape)
        p[name] = torch.tensor(array, dtype=torch.float32, requires_grad=True)
    scene = torch.tensor(0.5 + 2 * wave(height * width * bands, 0.5).reshape(height, width, bands), dtype=torch.float32)
    pixels = torch.arange(3, height * width, 7)
    labels = pixels % classes
    logits = mamba_hsi(scene, p)
    loss = F.cross_entropy(logits[pixels], labels)
    loss.backward()
    write(
        "mamba-hsi.json",
        {
            "height": height,
            "width": width,
            "bands": bands,
            "classes": classes,
            "pixels": pixels.tolist(),
            "labels": labels.tolist(),
            "logits": values(logits),
            "loss": loss.item(),
            "gradients": gradients_of(p),
        },
    )


def write_released_encoders(p, size):
    """Writes the encoders as the release does: one layer for q, k and v, 12 spectral blocks, and tensors that nobody reads."""
    (OUT / "hyper-sigma").mkdir(exist_ok=True)
    for encoder, file in (("spatial", "spat-vit-base-made-up.pth"), ("spectral", "spec-vit-base-made-up.pth")):
        state = {}
        for name, value in p.items():
            own = name.removeprefix(f"{encoder}.")
            if name.startswith(f"{encoder}.blocks.") and not any(part in name for part in ("attn.q.", "attn.k.", "attn.v.", "offsets")):
                state[own] = value.detach().clone()
        for block in range(12 if encoder == "spatial" else 4):
            for kind in ("weight", "bias"):
                parts = [p[f"{encoder}.blocks.{block}.attn.{part}.{kind}"].detach() for part in "qkv"]
                state[f"blocks.{block}.attn.qkv.{kind}"] = torch.cat(parts)
        state["pos_embed"] = torch.zeros(1, 64, size["width"])
        if encoder == "spectral":
            state["pos_embed"] = p["spectral.positions"].detach()[None].clone()
            state["blocks.4.norm1.weight"] = torch.full((size["width"],), 7.0)
            state["spat_map.weight"] = torch.full((size["width"], 11), 7.0)
        state["patch_embed.proj.weight"] = torch.full((size["width"], 3, 2, 2), 7.0)
        torch.save({"model": state, "epoch": 1599}, OUT / "hyper-sigma" / file)


def hyper_sigma_fixture():
    size = {"width": 16, "heads": 2, "points": 3, "ratio": 2, "components": 6, "spectral_tokens": 9, "reduced": 8}
    classes, windows = 4, 3
    p = {}
    for start, (name, shape) in enumerate(sorted(hyper_sigma_shapes(**size, classes=classes).items())):
        base = 1 if name.endswith(("norm1.weight", "norm2.weight")) else 0
        # Else hardly anything of the spectral encoder would reach the loss.
        factor = 10 if "gate" in name or "reduce" in name else 1
        array = base + factor * wave(int(np.prod(shape)), start).reshape(shape)
        p[name] = torch.tensor(array, dtype=torch.float32, requires_grad=True)
    # A chirp, because windows of a wave would all be alike.
    x = np.sin(0.001 * np.arange(windows * size["components"] * 33 * 33) ** 2)
    x = torch.tensor(x.reshape(windows, size["components"], 33, 33), dtype=torch.float32)
    write_released_encoders(p, size)
    labels = torch.tensor([0, 2, 3])
    logits = hyper_sigma(x, p, size["heads"])
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    write(
        "hyper-sigma.json",
        {
            "size": size,
            "classes": classes,
            "labels": labels.tolist(),
            "logits": values(logits),
            "loss": loss.item(),
            "gradients": gradients_of(p),
        },
    )


for make in (
    model_fixture,
    resize_fixture,
    pca_fixture,
    adamw_fixture,
    metrics_fixture,
    mat_fixture,
    checkpoint_fixture,
    spectral_former_fixture,
    mamba_hsi_fixture,
    hyper_sigma_fixture,
):
    make()
