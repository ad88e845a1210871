"""How alike vectors are, and vectors in fewer bits: what sentence-transformers has in its util, in numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiered_st.runtime.sentence_pooling import unit

Floats = NDArray[np.float32]
Measure = Callable[[Floats, Floats], Floats]  # (n, dim) and (m, dim), or with pairs (n, dim), to scores


def _manhattan(first: Floats, second: Floats) -> Floats:
    scores = np.empty((len(first), len(second)), dtype=np.float32)
    for one, row in zip(first, scores, strict=True):  # a row at a time, whatever n and m are
        np.negative(np.abs(one - second).sum(axis=1), out=row)
    return scores


def _euclidean(first: Floats, second: Floats) -> Floats:
    # In float64: of vectors next to each other, what float32 leaves of the difference is nothing but its rounding.
    a, b = first.astype(np.float64), second.astype(np.float64)
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return -np.sqrt(np.maximum(squares, 0)).astype(np.float32)


MEASURES: dict[str, tuple[Measure, Measure]] = {  # of all with all, and of pairs
    "cosine": (lambda a, b: unit(a) @ unit(b).T, lambda a, b: (unit(a) * unit(b)).sum(axis=1)),
    "dot": (lambda a, b: a @ b.T, lambda a, b: (a * b).sum(axis=1)),
    "euclidean": (_euclidean, lambda a, b: -np.sqrt(((a - b) ** 2).sum(axis=1))),
    "manhattan": (_manhattan, lambda a, b: -np.abs(a - b).sum(axis=1)),
}


def checked_measure(name: str) -> str:
    """Return the name of a measure.

    Raises:
        ValueError: if there is none of that name.
    """
    if name not in MEASURES:
        raise ValueError(f"similarity_fn_name={name!r} is not one of {', '.join(MEASURES)}.")
    return name


def similarity(measure: str, first: ArrayLike, second: ArrayLike) -> Floats:
    """Return the scores of all with all, (n, m), of vectors (n, dim) and (m, dim); one alone may be (dim,)."""
    return MEASURES[measure][0](*_alike(first, second))


def similarity_pairwise(measure: str, first: ArrayLike, second: ArrayLike) -> Floats:
    """Return the scores of pairs, (n,), of vectors (n, dim) twice; of one pair of (dim,), a number."""
    scores = MEASURES[measure][1](*_alike(first, second))
    return scores[0] if np.ndim(first) == np.ndim(second) == 1 else scores


def _alike(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    a, b = (np.atleast_2d(np.asarray(vectors, dtype=np.float32)) for vectors in (first, second))
    if a.ndim > 2 or b.ndim > 2 or a.shape[1] != b.shape[1]:
        raise ValueError(
            f"Vectors of shapes {a.shape} and {b.shape} cannot be compared: give (n, dim) and (m, dim), of one model."
        )
    return a, b


def quantize_each(arrays: list[Floats], precision: str) -> list[NDArray]:
    """Quantize arrays (n, dim), by ranges that they share."""
    if precision == "float32" or not arrays:
        return list(arrays)
    ends = np.cumsum([len(own) for own in arrays])[:-1]
    return np.split(PRECISIONS[precision](np.concatenate(arrays)), ends)


def _to_bytes(vectors: Floats) -> Floats:
    if len(vectors) == 0:
        return vectors
    if len(vectors) == 1:
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
