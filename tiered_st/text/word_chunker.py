"""Cut text into about words.

White space separates chunks and is dropped; punctuation at the edge of a word and between words is a chunk of its own;
a single apostrophe, dot or stray symbol inside a word stays in it, since a slipped finger puts one there as often as an
author does. Scripts written without spaces get short windows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiered_st.text.character_classes import DIGIT, EMOJI, HAN, KANA, LATIN, MARK, PUNCT, SPACE, SPLIT, THAI, classify
from tiered_st.text.chunk_types import types_of
from tiered_st.text.chunker import Chunker, Chunks

WINDOWS = {HAN: 2, KANA: 3, THAI: 4, EMOJI: 4}  # code points per chunk where no space separates words


class WordChunker(Chunker):
    """Cut at white space and punctuation, long runs at ``max_ids`` character ids."""

    def __init__(self, max_ids: int) -> None:
        self.max_ids = max_ids

    def __call__(self, points: NDArray[np.uint32], widths: NDArray[np.int64]) -> Chunks:
        """Cut code points, shape (characters,), whose id counts are ``widths``, into chunks in reading order."""
        if points.size == 0:
            return Chunks.none()
        classes = classify(points)
        groups = self._groups(classes)
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        starts, ends = self._cut_long_runs(starts, groups, widths)
        keep = groups[starts] != SPACE
        starts, ends = starts[keep], ends[keep]
        if starts.size == 0:
            return Chunks.none()
        return Chunks(starts, ends, types_of(points, classes, starts, ends))

    @staticmethod
    def _groups(classes: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return a group per character: neighbours of one group share a run, shape (characters,)."""
        wordlike = (classes >= DIGIT) & ~np.isin(classes, (HAN, KANA, THAI))
        before, after = np.roll(wordlike, 1), np.roll(wordlike, -1)
        before[0] = after[-1] = False
        inside = (classes == PUNCT) & before & after  # a single symbol between word characters: don't, hel!o
        groups = np.where(wordlike | inside, LATIN, classes).astype(np.int64)
        groups[(groups == SPLIT)] = PUNCT
        # a combining mark or joiner belongs to whatever it follows
        joins = (classes == MARK) & np.isin(np.roll(classes, 1), (HAN, KANA, EMOJI))
        joins[0] = False
        groups[joins] = np.roll(groups, 1)[joins]
        return groups

    def _cut_long_runs(
        self, starts: NDArray[np.int64], groups: NDArray[np.int64], widths: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Cut runs that exceed their script's window or the ids a chunk can hold."""
        lengths = np.diff(starts, append=len(groups))
        window = self.max_ids // np.maximum.reduceat(widths, starts)  # never splits a code point's bytes
        for script, size in WINDOWS.items():
            window = np.where(groups[starts] == script, np.minimum(window, size), window)
        offset = np.arange(len(groups)) - np.repeat(starts, lengths)
        cuts = offset % np.repeat(window, lengths) == 0
        starts = np.flatnonzero(cuts)
        return starts, np.append(starts[1:], len(groups))
