"""Let E2 look past a chunk's vector at its characters."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PeekGate(nn.Module):
    """Add a chunk's mean character features to its vector, each dimension through a gate (Dauphin et al. 2017).

    The gate reads both, so E2 can look where the vector says too little: names, numbers, words E1 has not learned. It
    starts as no change, for its output projection is zero.

    Args:
        d_char: width of the character features.
        d_sem: width of the chunk vectors.
    """

    def __init__(self, d_char: int, d_sem: int) -> None:
        super().__init__()
        self.gate = nn.Linear(d_sem + d_char, d_sem)
        self.project = nn.Linear(d_char, d_sem)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, chunks: Tensor, chars: Tensor) -> Tensor:
        """Return chunk vectors (batch, chunks, d_sem), having seen character features (batch, chunks, d_char)."""
        chars = chars.to(chunks.dtype)
        gate = torch.sigmoid(self.gate(torch.cat([chunks, chars], dim=-1)))  # (batch, chunks, d_sem)
        return chunks + gate * self.project(chars)
