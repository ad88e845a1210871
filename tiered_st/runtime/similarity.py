"""How alike vectors are, and vectors in fewer bits: what sentence-transformers has in its util, in numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiered_st.runtime.sentence_pooling import unit

Floats = NDArray[np.float32]
Measure = Callable[[Floats, Floats], Floats]  # (n, dim) and (m, dim), or with pairs (n, dim), to scores


def _manhattan(first: Floats, second: Floats) -> Floats:
    return np.stack([-np.abs(one - second).sum(axis=1) for one in first])  # a row at a time, whatever n and m are


def _euclidean(first: Floats, second: Floats) -> Floats:
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1) - 2 * first @ second.T
    return -np.sqrt(np.maximum(squares, 0))


MEASURES: dict[str, tuple[Measure, Measure]] = {  # of all with all, and of pairs
    "cosine": (lambda a, b: unit(a) @ unit(b).T, lambda a, b: (unit(a) * unit(b)).sum(axis=1)),
    "dot": (lambda a, b: a @ b.T, lambda a, b: (a * b).sum(axis=1)),
    "euclidean": (_euclidean, lambda a, b: -np.sqrt(((a - b) ** 2).sum(axis=1))),
    "manhattan": (_manhattan, lambda a, b: -np.abs(a - b).sum(axis=1)),
}


def as_rows(vectors: ArrayLike) -> Floats:
    """Return vectors as (n, dim) float32; one alone becomes (1, dim)."""
    return np.atleast_2d(np.asarray(vectors, dtype=np.float32))


def _to_bytes(vectors: Floats) -> Floats:
    if len(vectors) < 2:
        raise ValueError("precision='int8' and 'uint8' take their ranges from all vectors: give more than one text.")
    low, high = vectors.min(axis=0), vectors.max(axis=0)
    steps = (high - low) / 255
    return np.clip(np.floor((vectors - low) / np.where(steps == 0, 1, steps)), 0, 255)


PRECISIONS: dict[str, Callable[[Floats], NDArray]] = {
    "float32": lambda vectors: vectors,
    "int8": lambda vectors: (_to_bytes(vectors) - 128).astype(np.int8),
    "uint8": lambda vectors: _to_bytes(vectors).astype(np.uint8),
    "binary": lambda vectors: (np.packbits(vectors > 0, axis=-1) - 128).astype(np.int8),
    "ubinary": lambda vectors: np.packbits(vectors > 0, axis=-1),
}
