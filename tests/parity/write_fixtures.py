"""Writes tests/parity/fixtures: what PyTorch, scikit-learn and scipy compute, for the TypeScript tests to compare with.

The model below restates the public SpectralGPT release from DESIGN section 5 (Conv3d tokens, separate positions, pre-norm blocks,
mean over tokens 1.., norm, head). Run it with `make parity-fixtures`.
"""

import json
from pathlib import Path

import numpy as np
import scipy.io
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score, balanced_accuracy_score, cohen_kappa_score, confusion_matrix, f1_score
from torch import nn

OUT = Path(__file__).parent / "fixtures"
OUT.mkdir(exist_ok=True)
torch.manual_seed(0)
rng = np.random.default_rng(0)


def values(tensor):
    array = tensor.detach().numpy() if torch.is_tensor(tensor) else np.asarray(tensor)
    return {"shape": list(array.shape), "values": [float(v) for v in array.astype(np.float32).ravel()]}


def write(name, content):
    (OUT / name).write_text(json.dumps(content, separators=(",", ":")) + "\n")


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.q, self.k, self.v, self.proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x, update):
        n, t, d = x.shape
        split = lambda y: y.reshape(n, t, self.heads, d // self.heads).transpose(1, 2)
        q = split(self.q(x) + update("q", x))
        k = split(self.k(x))
        v = split(self.v(x) + update("v", x))
        scores = (q @ k.transpose(-2, -1) * self.scale).softmax(-1)
        return self.proj((scores @ v).transpose(1, 2).reshape(n, t, d))


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

    def forward(self, x, update):
        x = x + self.attn(self.norm1(x), update)
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.proj = nn.Conv3d(1, width, kernel_size=(3, 8, 8), stride=(3, 8, 8))

    def forward(self, x):
        return self.proj(x[:, None]).flatten(2).transpose(1, 2)


class SpectralGPT(nn.Module):
    def __init__(self, width=32, depth=2, heads=4):
        super().__init__()
        self.patch_embed = PatchEmbed(width)
        self.pos_embed_spatial = nn.Parameter(torch.randn(1, 16, width) * 0.02)
        self.pos_embed_temporal = nn.Parameter(torch.randn(1, 4, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x, update=lambda block, projection, y: 0.0):
        tokens = self.patch_embed(x)
        positions = self.pos_embed_spatial.repeat(1, 4, 1) + self.pos_embed_temporal.repeat_interleave(16, dim=1)
        states = [tokens + positions]
        for i, block in enumerate(self.blocks):
            states.append(block(states[-1], lambda p, y, i=i: update(i, p, y)))
        return states, self.norm(states[-1][:, 1:, :].mean(1))


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

    shapes = {
        "lora": ({"lora_a": (3, width), "lora_b": (width, 3)}, lora, {"rank": 3, "alpha": 6}),
        "krona": ({"krona_a": (8, 2), "krona_b": (4, 16)}, krona, {"rows": 8, "columns": 2, "scale": 0.5}),
    }
    for p in model.parameters():
        p.requires_grad_(False)
    for name, (factors, apply, settings) in shapes.items():
        learned = {
            f"blocks.{b}.attn.{p}.{k}": (torch.randn(*s) * 0.1).requires_grad_()
            for b in range(depth)
            for p in "qv"
            for k, s in factors.items()
        }
        update = lambda b, p, y: apply({k: learned[f"blocks.{b}.attn.{p}.{k}"] for k in factors}, y)
        _, features = model(x, update)
        logits = head(features)
        loss = F.cross_entropy(logits, labels, label_smoothing=0.1)
        loss.backward()
        result["methods"][name] = {
            "settings": settings,
            "factors": {k: values(v) for k, v in learned.items()},
            "gradients": {k: values(v.grad) for k, v in learned.items()},
            "logits": values(logits),
            "loss": float(loss),
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


for make in (model_fixture, resize_fixture, pca_fixture, adamw_fixture, metrics_fixture, mat_fixture):
    make()
