"""Cut text into windows of one size, which may overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiered_st.text.character_classes import CLASSES, SPACE, looks_of
from tiered_st.text.chunk_types import mixed_types_of
from tiered_st.text.chunker import Chunker, Chunks
from tiered_st.text.runs import cut_runs, text_of
from tiered_st.text.tokenizer import SEPARATOR


class WindowChunker(Chunker):
    """Lay windows of ``window`` character ids, ``stride`` ids apart, over each text.

    White space is a character like any other, but a window of nothing else is left out. A code point's bytes stay
    together: a window, or a stride, is up to three ids shorter where the next code point would not fit.
    """

    def __init__(self, window: int, stride: int) -> None:
        self.window = window
        self.stride = stride

    def __call__(self, points: NDArray[np.uint32], widths: NDArray[np.int64]) -> Chunks:
        """Cut code points, shape (characters,), whose id counts are ``widths``, into windows in reading order."""
        read = np.flatnonzero(points != SEPARATOR)
        texts = text_of(points)[read]
        starts, ends = cut_runs(
            widths[read], np.diff(texts, prepend=-1) > 0, window=self.window, stride=self.stride
        )  # fmt: skip
        if starts.size == 0:
            return Chunks.none()
        starts, ends = read[starts], read[ends - 1] + 1
        looks = looks_of(points)
        seen = np.concatenate([[0], np.cumsum(CLASSES[looks] != SPACE)])
        keep = seen[starts] < seen[ends]
        starts, ends = starts[keep], ends[keep]
        return Chunks(starts, ends, mixed_types_of(looks, starts, ends))
