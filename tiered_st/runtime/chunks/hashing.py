"""Hash ids as modules.hashing does, in numpy: its integers wrap by themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiered_st.hash_constants import BASE, MIX_1, MIX_2

_ALL = 1 << 64


def mix(h: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter the bits of 64-bit hashes in place, any shape, and return them (the finaliser of SplitMix64)."""
    h ^= h >> np.uint64(30)
    h *= np.uint64(MIX_1)
    h ^= h >> np.uint64(27)
    h *= np.uint64(MIX_2)
    h ^= h >> np.uint64(31)
    return h


def powers(length: int, base: int = BASE) -> NDArray[np.uint64]:
    """Return the powers 0 … length-1 of ``base`` modulo 2**64, shape (length,)."""
    return np.array([pow(base, k, _ALL) for k in range(length)], dtype=np.uint64)


def hash_rows(rows: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Return a 64-bit hash per row of (rows, ids), (rows,); whoever looks a row up by it compares ids."""
    return mix((mix(rows.astype(np.uint64) + np.uint64(1)) * powers(rows.shape[1])).sum(axis=1))
