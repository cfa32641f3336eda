"""HyperSIGMA restated from a description of its layers (Wang et al. 2025), on whole maps of tokens and with PyTorch's grid sampling."""

import math

import torch
import torch.nn.functional as F

SIDE, TOKEN, GRID = 33, 8, 4
TAPS = (3, 5, 7, 11)
POOLS = (1, 1, 2, 4)


def shapes(width, heads, points, ratio, components, spectral_tokens, reduced, classes):
    """Shape of each parameter by its name."""
    found = {}

    def layer(name, inputs, out):
        found[f"{name}.weight"], found[f"{name}.bias"] = (out, inputs), (out,)

    for encoder, inputs, tokens, depth in (
        ("spatial", components * TOKEN**2, GRID**2, 12),
        ("spectral", SIDE**2, spectral_tokens, 4),
    ):
        layer(f"{encoder}.embed", inputs, width)
        found[f"{encoder}.positions"] = (tokens, width)
        for block in range(depth):
            name = f"{encoder}.blocks.{block}"
            for norm in ("norm1", "norm2"):
                found[f"{name}.{norm}.weight"] = found[f"{name}.{norm}.bias"] = (width,)
            for projection in ("q", "k", "v", "proj"):
                layer(f"{name}.attn.{projection}", width, width)
            if block % 3 != 2:
                layer(f"{name}.attn.offsets", width, heads * points * 2)
            layer(f"{name}.mlp.fc1", width, ratio * width)
            layer(f"{name}.mlp.fc2", ratio * width, width)
    found["spectral.reduce.weight"] = (reduced, width)
    for stage in range(4):
        found[f"fusion.{stage}.reduce.weight"] = (reduced, width)
        found[f"fusion.{stage}.gate1.weight"] = (reduced, spectral_tokens)
        found[f"fusion.{stage}.gate2.weight"] = (reduced, reduced)
    layer("head.first", 4 * reduced, 2 * reduced)
    layer("head.second", 2 * reduced, reduced)
    layer("head.last", reduced, classes)
    return found


def linear(x, p, name):
    return F.linear(x, p[f"{name}.weight"], p.get(f"{name}.bias"))


def norm(x, p, name):
    return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"], eps=1e-6)


def sampled(q, k, v, offsets):
    """Attention of each head to its points; all `[windows, heads, tokens, own width]`, the offsets `[…, tokens, points, 2]`."""
    windows, heads, tokens, own = q.shape
    side, points = math.isqrt(tokens), offsets.shape[3]
    centre = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(centre, centre, indexing="ij")
    reference = torch.stack([x.flatten(), y.flatten()], dim=-1)[None, None, :, None]
    places = (2 * (reference + offsets / side) - 1).flatten(0, 1)
    image = lambda values: values.flatten(0, 1).transpose(1, 2).reshape(windows * heads, own, side, side)
    read = lambda values: F.grid_sample(image(values), places, mode="bilinear", padding_mode="zeros", align_corners=False)
    at = lambda values: read(values).reshape(windows, heads, own, tokens, points).permute(0, 1, 3, 4, 2)
    weights = ((q.unsqueeze(3) * at(k)).sum(-1) / math.sqrt(own)).softmax(-1)
    return (weights.unsqueeze(-1) * at(v)).sum(3)


def block(x, p, name, heads):
    windows, tokens, width = x.shape
    y = norm(x, p, f"{name}.norm1")
    rows = linear(y, p, f"{name}.attn.q")
    split = lambda values: values.reshape(windows, tokens, heads, -1).transpose(1, 2)
    q, k, v = split(rows), split(linear(y, p, f"{name}.attn.k")), split(linear(y, p, f"{name}.attn.v"))
    if f"{name}.attn.offsets.weight" in p:
        offsets = linear(rows, p, f"{name}.attn.offsets").reshape(windows, tokens, heads, -1, 2).transpose(1, 2)
        mixed = sampled(q, k, v, offsets)
    else:
        mixed = (q @ k.transpose(2, 3) / math.sqrt(q.shape[3])).softmax(-1) @ v
    x = x + linear(mixed.transpose(1, 2).reshape(x.shape), p, f"{name}.attn.proj")
    return x + linear(F.gelu(linear(norm(x, p, f"{name}.norm2"), p, f"{name}.mlp.fc1")), p, f"{name}.mlp.fc2")


def hyper_sigma(x, p, heads):
    """Logits of windows `[windows, components, 33, 33]`."""
    windows, components = x.shape[:2]
    kernel = p["spatial.embed.weight"].reshape(-1, components, TOKEN, TOKEN)
    state = F.conv2d(x, kernel, p["spatial.embed.bias"], stride=TOKEN).flatten(2).transpose(1, 2) + p["spatial.positions"]
    taps = []
    for index in range(12):
        state = block(state, p, f"spatial.blocks.{index}", heads)
        if index in TAPS:
            image = state.transpose(1, 2).reshape(windows, -1, GRID, GRID)
            taps.append(F.max_pool2d(image, POOLS[len(taps)]))
    spectral_tokens = p["spectral.positions"].shape[0]
    bands = F.adaptive_avg_pool1d(x.flatten(2).transpose(1, 2), spectral_tokens).transpose(1, 2)
    state = linear(bands, p, "spectral.embed") + p["spectral.positions"]
    for index in range(4):
        state = block(state, p, f"spectral.blocks.{index}", heads)
    spectral = linear(state, p, "spectral.reduce").mean(2)
    fused = []
    for stage, tap in enumerate(reversed(taps)):
        gate = linear(F.relu(linear(spectral, p, f"fusion.{stage}.gate1")), p, f"fusion.{stage}.gate2").sigmoid()
        image = F.conv2d(tap, p[f"fusion.{stage}.reduce.weight"][:, :, None, None])
        fused.append(((1 + gate)[:, :, None, None] * image).mean((2, 3)))
    hidden = linear(torch.cat(fused, dim=1), p, "head.first")
    return linear(linear(hidden, p, "head.second"), p, "head.last")
