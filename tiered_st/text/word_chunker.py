"""Cut text into about words.

White space separates chunks and is dropped; punctuation at the edge of a word and between words is a chunk of its own;
a single apostrophe, dot or stray symbol inside a word stays in it, since a slipped finger puts one there as often as an
author does. Scripts written without spaces get short windows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiered_st.text.character_classes import (
    CLASSES,
    DIGIT,
    EMOJI,
    HAN,
    KANA,
    LATIN,
    MARK,
    OTHER,
    PUNCT,
    SPACE,
    SPLIT,
    THAI,
    looks_of,
)  # fmt: skip
from tiered_st.text.chunk_types import types_of
from tiered_st.text.chunker import Chunker, Chunks
from tiered_st.text.unicode_table import CAPITAL

WINDOWS = {HAN: 2, KANA: 3, THAI: 4, EMOJI: 4}  # code points per chunk where no space separates words

_CLASSES = range(OTHER + 1)
_WORDLIKE = [c for c in _CLASSES if c >= DIGIT and c not in WINDOWS]
# Tables by class: the group that a character is of; the window of a group; whether a mark follows it into its run.
_GROUP_OF = np.array([LATIN if c in _WORDLIKE else PUNCT if c == SPLIT else c for c in _CLASSES], dtype=np.uint8)
_LIMITS = np.array([WINDOWS.get(c, np.iinfo(np.int64).max) for c in _CLASSES])
_COMMA, _HASH = ord(","), ord("#")
_HOSTS = np.array([c in (HAN, KANA, EMOJI) for c in _CLASSES])


class WordChunker(Chunker):
    """Cut at white space and punctuation, long runs at ``max_ids`` character ids.

    Args:
        max_ids: most character ids of a chunk.
        decimal_commas: a comma between two digits is part of their number.
        split_hashtags: what follows a "#" is also cut before its capitals.
    """

    def __init__(self, max_ids: int, *, decimal_commas: bool = False, split_hashtags: bool = False) -> None:
        self.max_ids = max_ids
        self.decimal_commas = decimal_commas
        self.split_hashtags = split_hashtags

    def __call__(self, points: NDArray[np.uint32], widths: NDArray[np.int64]) -> Chunks:
        """Cut code points, shape (characters,), whose id counts are ``widths``, into chunks in reading order."""
        if points.size == 0:
            return Chunks.none()
        looks = looks_of(points)
        classes = CLASSES[looks]
        groups = self._groups(classes)
        if self.decimal_commas:
            digit = classes == DIGIT
            groups[1:-1][(points[1:-1] == _COMMA) & digit[:-2] & digit[2:]] = LATIN
        opens = np.empty(len(groups), dtype=np.bool_)
        opens[0] = True
        np.not_equal(groups[1:], groups[:-1], out=opens[1:])
        if self.split_hashtags:
            opens |= self._words_of_hashtags(points, looks, opens)
        starts, ends = self._cut_long_runs(np.flatnonzero(opens), groups, widths)
        return Chunks(starts, ends, types_of(looks, starts, ends))

    @staticmethod
    def _groups(classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a group per character: neighbours of one group share a run, shape (characters,)."""
        groups = _GROUP_OF[classes]
        word = groups == LATIN
        # a single symbol between word characters: don't, hel!o
        groups[1:-1][(classes[1:-1] == PUNCT) & word[:-2] & word[2:]] = LATIN
        marks = classes[1:] == MARK
        if marks.any():  # a combining mark or joiner belongs to whatever it follows
            hosts = np.flatnonzero(marks & _HOSTS[classes[:-1]])
            groups[hosts + 1] = groups[hosts]
        return groups

    @staticmethod
    def _words_of_hashtags(
        points: NDArray[np.uint32], looks: NDArray[np.uint8], opens: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Return where words start within hashtags: at a capital behind a small letter, or before one (HBOEspaña).

        Args:
            points: code points, (characters,).
            looks: ``looks_of`` them, (characters,).
            opens: where runs start, (characters,).

        Returns:
            Flags, (characters,).
        """
        run = np.maximum.accumulate(np.where(opens, np.arange(len(points)), 0))  # (characters,): where its run starts
        tagged = (points[run - 1] == _HASH) & (run > 0)
        high, small = looks >= CAPITAL, (looks >= LATIN) & (looks < CAPITAL)  # of small letters, looks are classes
        before = np.append(False, small[:-1])
        after = np.append(small[1:] & ~opens[1:], False)
        return tagged & ~opens & high & (before | after)

    def _cut_long_runs(
        self, starts: NDArray[np.int64], groups: NDArray[np.uint8], widths: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Leave white space out and cut runs that exceed their script's window or the ids a chunk can hold."""
        ends = np.append(starts[1:], len(groups))
        kinds = groups[starts]
        window = self.max_ids // np.maximum.reduceat(widths, starts)  # never splits a code point's bytes
        window = np.minimum(window, _LIMITS[kinds])
        read = kinds != SPACE
        starts, ends, window = starts[read], ends[read], window[read]
        lengths = ends - starts
        if (lengths <= window).all():
            return starts, ends
        pieces = -(-lengths // window)  # (runs,)
        run = np.repeat(np.arange(len(starts)), pieces)
        rank = np.arange(len(run)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        first = starts[run] + rank * window[run]
        return first, np.minimum(first + window[run], ends[run])
