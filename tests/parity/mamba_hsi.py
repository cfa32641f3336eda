"""MambaHSI restated from a description of its layers (Li et al. 2024; Gu and Dao 2023), step by step and without a fused scan."""

import torch
import torch.nn.functional as F

WIDTH, STEPS, STATES, TAPS, BLOCKS, GROUPS = 128, 4, 16, 4, 3, 4


def shapes(bands, classes):
    """Shape of each parameter by its name."""
    found = {"embed.weight": (WIDTH, bands), "embed.bias": (WIDTH,)}
    norms = ["embed.norm", "head.norm"]
    for block in range(BLOCKS):
        found[f"block{block}.shares"] = (2,)
        for name, own in ((f"block{block}.spatial", WIDTH), (f"block{block}.spectral", WIDTH // STEPS)):
            inner, rank = 2 * own, -(-own // 16)
            found |= {f"{name}.in_proj.weight": (2 * inner, own), f"{name}.conv.weight": (inner, TAPS)}
            found |= {f"{name}.conv.bias": (inner,), f"{name}.x_proj.weight": (rank + 2 * STATES, inner)}
            found |= {f"{name}.dt_proj.weight": (inner, rank), f"{name}.dt_proj.bias": (inner,)}
            found |= {f"{name}.A_log": (inner, STATES), f"{name}.D": (inner,), f"{name}.out_proj.weight": (own, inner)}
            norms.append(f"{name}.norm")
    for norm in norms:
        found |= {f"{norm}.weight": (WIDTH,), f"{norm}.bias": (WIDTH,)}
    found |= {"head.first.weight": (WIDTH, WIDTH), "head.first.bias": (WIDTH,)}
    return found | {"head.last.weight": (classes, WIDTH), "head.last.bias": (classes,)}


def mamba(x, p, name):
    """A Mamba layer on `[sequences, length, width]`."""
    own = x.shape[2]
    rank = -(-own // 16)
    inner, z = (x @ p[f"{name}.in_proj.weight"].T).chunk(2, dim=2)
    padded = F.pad(inner.transpose(1, 2), (TAPS - 1, 0))
    inner = F.silu(F.conv1d(padded, p[f"{name}.conv.weight"].unsqueeze(1), p[f"{name}.conv.bias"], groups=2 * own)).transpose(1, 2)
    low, b, c = (inner @ p[f"{name}.x_proj.weight"].T).split([rank, STATES, STATES], dim=2)
    delta = F.softplus(F.linear(low, p[f"{name}.dt_proj.weight"], p[f"{name}.dt_proj.bias"]))
    rates = -p[f"{name}.A_log"].exp()
    h = x.new_zeros(x.shape[0], 2 * own, STATES)
    results = []
    for t in range(x.shape[1]):
        decay = (delta[:, t, :, None] * rates).exp()
        h = decay * h + (delta[:, t] * inner[:, t])[:, :, None] * b[:, t, None, :]
        results.append((h * c[:, t, None, :]).sum(2) + p[f"{name}.D"] * inner[:, t])
    return (torch.stack(results, dim=1) * F.silu(z)) @ p[f"{name}.out_proj.weight"].T


def normed(x, p, name):
    """Group norm of `[1, channels, height, width]`, and SiLU."""
    return F.silu(F.group_norm(x, GROUPS, p[f"{name}.weight"], p[f"{name}.bias"]))


def both(x, p, name):
    """The two branches of a block, each with its own residual, and that of the block."""
    _, channels, height, width = x.shape
    pixels = x.permute(0, 2, 3, 1).reshape(height * width, channels)
    back = lambda values: values.reshape(1, height, width, channels).permute(0, 3, 1, 2)
    spatial = mamba(pixels.unsqueeze(0), p, f"{name}.spatial")
    spatial = normed(back(spatial), p, f"{name}.spatial.norm") + x
    spectral = mamba(pixels.reshape(height * width, STEPS, channels // STEPS), p, f"{name}.spectral")
    spectral = normed(back(spectral), p, f"{name}.spectral.norm") + x
    shares = p[f"{name}.shares"].softmax(0)
    return shares[0] * spatial + shares[1] * spectral + x


def mamba_hsi(scene, p):
    """Logits `[height · width, classes]` of a scene `[height, width, bands]`."""
    height, width, _ = scene.shape
    layer = lambda values, name: F.conv2d(values, p[f"{name}.weight"][:, :, None, None], p[f"{name}.bias"])
    x = normed(layer(scene.permute(2, 0, 1).unsqueeze(0), "embed"), p, "embed.norm")
    for block in range(BLOCKS):
        if block > 0:
            x = F.avg_pool2d(x, 2)
        x = both(x, p, f"block{block}")
    x = layer(normed(layer(x, "head.first"), p, "head.norm"), "head.last")
    x = F.interpolate(x, size=(height, width), mode="bilinear", align_corners=True)
    return x.permute(0, 2, 3, 1).reshape(height * width, -1)
