"""SpectralFormer restated from its paper (Hong et al. 2022, sections III-B and III-C): patch-wise groups of bands, cross-layer fusion, pre-norm layers."""

import torch
import torch.nn.functional as F

GROUP, HEADS = 3, 4


def spectral_former(x, p, depth=5):
    """Logits `[patches, classes]` of spectra `[patches, bands, area]`; the parameters `p` have the trainer's names."""
    patches, bands, area = x.shape
    neighbours = [(torch.arange(bands) + shift) % bands for shift in range(-(GROUP // 2), GROUP // 2 + 1)]
    groups = torch.cat([x[:, band] for band in neighbours], dim=2)
    tokens = F.linear(groups, p["embedding.weight"], p["embedding.bias"])
    x = torch.cat([p["class"].expand(patches, -1, -1), tokens], dim=1) + p["position"]
    inputs = []
    for layer in range(depth):
        inputs.append(x)
        if layer > 1:
            # A convolution whose channels are the tokens and whose kernel spans the two layers.
            weight = p[f"layer{layer}.fusion.weight"]
            kernel = torch.stack(weight.chunk(2, dim=1), dim=-1).unsqueeze(2)
            both = torch.stack([x, inputs[layer - 2]], dim=-1)
            x = F.conv2d(both, kernel, p[f"layer{layer}.fusion.bias"]).squeeze(3)
        x = block(x, {name: p[f"layer{layer}.0.{name}"] for name in names_of(p, layer)})
    return F.linear(norm(x[:, 0], p["head.norm.weight"], p["head.norm.bias"]), p["head.weight"], p["head.bias"])


def names_of(p, layer):
    prefix = f"layer{layer}.0."
    return [name[len(prefix) :] for name in p if name.startswith(prefix)]


def norm(x, weight, bias):
    return F.layer_norm(x, x.shape[-1:], weight, bias, eps=1e-6)


def block(x, p):
    patches, tokens, width = x.shape
    y = norm(x, p["norm1.weight"], p["norm1.bias"])
    split = lambda name: (y @ p[f"attn.{name}.weight"].T).reshape(patches, tokens, HEADS, -1).transpose(1, 2)
    mixed = F.scaled_dot_product_attention(split("q"), split("k"), split("v")).transpose(1, 2).reshape(x.shape)
    x = x + F.linear(mixed, p["attn.proj.weight"], p["attn.proj.bias"])
    hidden = F.gelu(F.linear(norm(x, p["norm2.weight"], p["norm2.bias"]), p["mlp.fc1.weight"], p["mlp.fc1.bias"]))
    return x + F.linear(hidden, p["mlp.fc2.weight"], p["mlp.fc2.bias"])
