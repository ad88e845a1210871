"""Pool the states of a text's chunks into one vector: Pooling and Normalize of sentence-transformers, in numpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tiered_st.runtime.text_edges import closing, exclude_text_edges
from tiered_st.text import TextRows

States = NDArray[np.float32]  # (batch, chunks, dim)
Mask = NDArray[np.bool_]  # (batch, chunks)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide vectors (n, dim) by their lengths; what is next to zero stays so."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    return vectors / np.maximum(lengths, np.float32(1e-12))[:, None]


def _mean(states: States, counted: Mask) -> NDArray[np.float32]:
    weights = counted / np.maximum(counted.sum(axis=1, keepdims=True), 1)  # (batch, chunks)
    return np.matmul(weights.astype(np.float32)[:, None, :], states)[:, 0]


def _max(states: States, counted: Mask) -> NDArray[np.float32]:
    return np.where(counted[:, :, None], states, np.float32(-np.inf)).max(axis=1)


def _first(states: States, counted: Mask) -> NDArray[np.float32]:
    return states[np.arange(len(states)), counted.argmax(axis=1)]


MODES: dict[str, Callable[[States, Mask], NDArray[np.float32]]] = {"mean": _mean, "max": _max, "cls": _first}


class SentencePooling:
    """Turn states into sentence embeddings.

    Args:
        modes: "mean", "max" or "cls", or several, whose vectors are put side by side.
        include_prompt: whether what a prompt takes counts.
        pool_marks: whether BEGIN and FINISH count.
        normalize: whether vectors get length 1.

    Raises:
        ValueError: if there is no such mode here.
    """

    def __init__(
        self,
        modes: str | Sequence[str],
        *,
        include_prompt: bool = True,
        pool_marks: bool = True,
        normalize: bool = True,
    ) -> None:
        self.modes = tuple(modes) if isinstance(modes, (list, tuple)) else (modes,)
        if not self.modes or any(mode not in MODES for mode in self.modes):
            raise ValueError(f"pooling_mode={modes!r}: the runtime pools by {', '.join(MODES)} alone.")
        self.include_prompt = include_prompt
        self.pool_marks = pool_marks
        self.normalize = normalize

    def __call__(self, states: States, rows: TextRows) -> NDArray[np.float32]:
        """Return embeddings (batch, modes * dim) of states whose texts are ``rows``."""
        counted = rows.attention_mask.astype(bool)
        if rows.prompt_length is not None and not self.include_prompt:
            counted[:, : rows.prompt_length] = False
        if not self.pool_marks:
            if self.modes == ("mean",):
                counted = _between(rows, counted)
            else:
                states = exclude_text_edges(states, rows)
        pooled = [MODES[mode](states, counted) for mode in self.modes]
        vectors = pooled[0] if len(pooled) == 1 else np.concatenate(pooled, axis=1)
        return unit(vectors) if self.normalize else vectors


def _between(rows: TextRows, counted: Mask) -> Mask:
    """Return which places count between a text's edges, (batch, chunks): of a text where none would, all that did.

    Their mean is that of states whose edges ``exclude_text_edges`` gave the mean of what is between, for less.
    """
    between = counted & ~closing(rows)
    between[:, 0] = False
    empty = ~between.any(axis=1)
    if empty.any():
        between[empty] = counted[empty]
    return between
