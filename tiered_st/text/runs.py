"""Cut runs of characters where a window of ids is full."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiered_st.text.tokenizer import SEPARATOR


def text_of(points: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return the number of the text that each code point belongs to, its SEPARATOR included, shape (characters,)."""
    apart = points == SEPARATOR
    return np.cumsum(apart) - apart


def cut_runs(
    widths: NDArray[np.int64], opens: NDArray[np.bool_], *, window: int, stride: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lay windows over each run, from its first character on until one reaches its end.

    A window holds as many whole characters as fit ``window`` ids, and the next one starts as many whole characters on
    as fit ``stride`` ids; a character that fits neither is a window, or a stride, by itself.

    Args:
        widths: ids of each character, (characters,).
        opens: whether a run starts at a character, (characters,); the first character opens one anyway.
        window: ids per window.
        stride: ids from one window's start to the next one's, at most ``window``.

    Returns:
        Starts and ends (exclusive) of the windows, (windows,) each.
    """
    count = len(widths)
    offsets = np.concatenate([[0], np.cumsum(widths)])
    places = np.arange(count)
    bounds = np.append(np.flatnonzero(opens[1:]) + 1, count)  # the end of each run
    run_ends = bounds[np.searchsorted(bounds, places, side="right")] if count else places

    def fit(ids: int) -> NDArray[np.int64]:
        """Return where a stretch of ``ids`` from each character on ends, (characters,)."""
        ends = np.searchsorted(offsets, offsets[:-1] + ids, side="right") - 1
        return np.minimum(np.maximum(ends, places + 1), run_ends)

    ends = fit(window)
    following = np.where(ends == run_ends, run_ends, fit(stride)).tolist()
    starts = []
    at = 0
    while at < count:  # one step per window
        starts.append(at)
        at = following[at]
    first = np.array(starts, dtype=np.int64)
    return first, ends[first]
