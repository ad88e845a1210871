"""The numbers by which places are told, as modules.positions computes them, for E1's graph and E2's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rotary_angles(length: int, dim: int) -> NDArray[np.float32]:
    """Return the rotary angle of each place and pair of dimensions, (length, dim / 2)."""
    rates = np.float32(10_000.0) ** (-np.arange(0, dim, 2, dtype=np.float32) / np.float32(dim))
    return np.outer(np.arange(length, dtype=np.float32), rates)


def alibi_slopes(heads: int) -> NDArray[np.float32]:
    """Return by how much each head lowers a score per place, (heads,)."""
    return np.float32(2.0) ** (np.float32(-8.0) * np.arange(1, heads + 1, dtype=np.float32) / np.float32(heads))
