"""The public SpectralGPT release restated from DESIGN section 5: Conv3d tokens, separate positions, pre-norm blocks, mean over tokens 1.., norm."""

import torch
import torch.nn.functional as F
from torch import nn


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
