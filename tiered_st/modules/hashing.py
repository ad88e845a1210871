"""Hash ids, alike on every device: for buckets of n-grams, and to find a chunk by its row."""

from __future__ import annotations

import torch
from torch import Tensor

from tiered_st.hash_constants import BASE, INVERSE, MIX_1, MIX_2
from tiered_st.modules.kept_tables import kept


def int64(value: int) -> int:
    """Return ``value`` modulo 2**64 as torch reads it, a signed 64-bit integer."""
    value %= 1 << 64
    return value - (1 << 64) if value >= 1 << 63 else value


def mix(h: Tensor) -> Tensor:
    """Scatter the bits of 64-bit hashes, any shape (the finaliser of SplitMix64)."""
    h = (h ^ ((h >> 30) & 0x3FFFFFFFF)) * int64(MIX_1)
    h = (h ^ ((h >> 27) & 0x1FFFFFFFFF)) * int64(MIX_2)
    return h ^ ((h >> 31) & 0x1FFFFFFFF)


def powers(length: int, device: torch.device) -> Tensor:
    """Return the powers 0 … length-1 of the hash base modulo 2**64, shape (length,) int64."""
    return kept(_powers, BASE, length, device)[0]


def inverse_powers(length: int, device: torch.device) -> Tensor:
    """Return what the powers 0 … length-1 of the hash base are undone by, modulo 2**64, shape (length,) int64."""
    return kept(_powers, INVERSE, length, device)[0]


def _powers(base: int, length: int, device: torch.device) -> tuple[Tensor]:
    return (torch.tensor([int64(pow(base, k, 1 << 64)) for k in range(length)], device=device),)


def hash_rows(rows: Tensor) -> Tensor:
    """Return a 64-bit hash per row of (rows, ids) int64, (rows,) int64; whoever looks a row up by it compares ids."""
    return mix((mix(rows + 1) * powers(rows.shape[1], rows.device)).sum(dim=1))
