"""Transformer blocks shared by both encoders."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def rotary_angles(length: int, dim: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return cosines and sines of the rotary angles, each (length, dim), in float32 (Su et al., RoFormer, 2021)."""
    rates = 10_000.0 ** (-torch.arange(0, dim, 2, device=device, dtype=torch.float32) / dim)
    angles = torch.outer(torch.arange(length, device=device, dtype=torch.float32), rates)  # (length, dim / 2)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate (…, length, dim) by position."""
    cos, sin = angles
    left, right = x.chunk(2, dim=-1)
    return x * cos.to(x.dtype) + torch.cat([-right, left], dim=-1) * sin.to(x.dtype)


class TransformerLayer(nn.Module):
    """A pre-norm Transformer layer, optionally rotary.

    Args:
        dim: width of the states.
        heads: number of attention heads.
        ffn: width of the feed-forward layer.
        dropout: probability, in training only.
        zero_init: start both output projections at zero, so that the layer starts as the identity.
    """

    def __init__(self, dim: int, heads: int, ffn: int, *, dropout: float = 0.0, zero_init: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.attention_norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.attention_out = nn.Linear(dim, dim)
        self.ffn_norm = nn.LayerNorm(dim)
        self.ffn_in = nn.Linear(dim, ffn)
        self.ffn_out = nn.Linear(ffn, dim)
        if zero_init:
            for layer in (self.attention_out, self.ffn_out):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)

    def is_identity(self) -> bool:
        """Say whether the layer is frozen in its zero-initialised state, so that running it changes nothing."""
        outputs = (*self.attention_out.parameters(), *self.ffn_out.parameters())
        return not any(p.requires_grad or p.any() for p in outputs)

    def forward(self, x: Tensor, mask: Tensor, angles: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Transform states (batch, length, dim) under a boolean mask (batch, length), True where there is input."""
        batch, length, dim = x.shape
        qkv = self.qkv(self.attention_norm(x)).view(batch, length, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, length, dim / heads)
        if angles is not None:
            q, k = rotate(q, angles), rotate(k, angles)
        rate = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :], dropout_p=rate)
        attended = attended.transpose(1, 2).reshape(batch, length, dim)
        x = x + F.dropout(self.attention_out(attended), self.dropout, self.training)
        hidden = F.gelu(self.ffn_in(self.ffn_norm(x)))
        return x + F.dropout(self.ffn_out(hidden), self.dropout, self.training)
