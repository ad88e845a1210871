"""Keep the edges of a text, BEGIN and FINISH, out of its mean: modules.text_edges in numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiered_st.text import TextRows


def exclude_text_edges(states: NDArray[np.float32], rows: TextRows) -> NDArray[np.float32]:
    """Return states (batch, chunks, d_sem) whose edges do not move the mean: see modules.text_edges."""
    there = rows.attention_mask.astype(bool)
    closes = closing(rows)
    between = there & ~closes
    between[:, 0] = False
    count = between.sum(axis=1)[:, None]  # (batch, 1)
    mean = _sum(states, between) / np.maximum(count, 1)
    if rows.prompt_length is None:
        return np.where((there & ~between & (count > 0))[:, :, None], mean[:, None, :], states)
    behind = between.copy()
    behind[:, : rows.prompt_length] = False
    own = behind.sum(axis=1)[:, None]
    rest = _sum(states, behind) / np.maximum(own, 1)
    closed = np.where((closes & (own > 0))[:, :, None], rest[:, None, :], states)
    made_up = (1 + closes.sum(axis=1)[:, None]) * mean - _sum(closed, closes)
    closed[:, 0] = np.where(count > 0, made_up, states[:, 0])
    return closed.astype(np.float32, copy=False)


def _sum(states: NDArray[np.float32], which: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.einsum("bcd,bc->bd", states, which.astype(np.float32))


def closing(rows: TextRows) -> NDArray[np.bool_]:
    """Return where a FINISH is, one behind each part of a text, (batch, chunks)."""
    there = rows.attention_mask.astype(bool)
    parts = np.where(there, 0 if rows.token_type_ids is None else rows.token_type_ids, -1)
    following = np.full_like(parts, -1)
    following[:, :-1] = parts[:, 1:]
    return there & (parts != following)
