"""Cut code points into chunks, the units that E2 sees.

A chunk is about a word. White space separates chunks and is dropped; punctuation at the edge of a word and between
words is a chunk of its own; a single apostrophe, dot or stray symbol inside a word stays in it, since a slipped finger
puts one there as often as an author does. Scripts written without spaces get short windows. Every chunk has a type.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tiered_st.tokenizer import FIRST_TYPE, SEPARATOR

# character classes; the order of the letter classes is that of their chunk types
SPACE, PUNCT, SPLIT, EMOJI, DIGIT, MARK, LATIN, GREEK, CYRILLIC = range(9)
HEBREW, ARABIC, INDIC, HANGUL, HAN, KANA, THAI, OTHER = range(9, 17)

_SPLITTING = '-/_\\|()[]{}<>":;,=+…–—~'  # always apart from the words on either side
_WINDOWS = {HAN: 2, KANA: 3, THAI: 4, EMOJI: 4}  # code points per chunk where no space separates words

_SCRIPTS = (  # (first, last, class), blocks of the Basic Multilingual Plane
    (0x0370, 0x03FF, GREEK), (0x1F00, 0x1FFF, GREEK), (0x0400, 0x052F, CYRILLIC), (0x1C80, 0x1C8F, CYRILLIC),
    (0x0590, 0x05FF, HEBREW), (0x0600, 0x06FF, ARABIC), (0x0750, 0x077F, ARABIC), (0x08A0, 0x08FF, ARABIC),
    (0xFB50, 0xFDFF, ARABIC), (0xFE70, 0xFEFE, ARABIC), (0x0900, 0x0DFF, INDIC), (0x1100, 0x11FF, HANGUL),
    (0x3130, 0x318F, HANGUL), (0xAC00, 0xD7AF, HANGUL), (0x3040, 0x30FF, KANA), (0x31F0, 0x31FF, KANA),
    (0x2E80, 0x2FDF, HAN), (0x3005, 0x3007, HAN), (0x3400, 0x4DBF, HAN), (0x4E00, 0x9FFF, HAN),
    (0xF900, 0xFAFF, HAN), (0x0E00, 0x0EFF, THAI), (0x1000, 0x109F, THAI), (0x1780, 0x17FF, THAI),
)  # fmt: skip


class ChunkType(IntEnum):
    """Id of what a chunk looks like: it opens the chunk's row of character ids."""

    BEGIN = FIRST_TYPE  # the mark before the first chunk of a text
    FINISH = FIRST_TYPE + 1  # the mark after the last
    WORD = FIRST_TYPE + 2
    CAPITALISED = FIRST_TYPE + 3
    ALL_CAPS = FIRST_TYPE + 4
    NUMERIC = FIRST_TYPE + 5
    PUNCTUATION = FIRST_TYPE + 6
    EMOJI = FIRST_TYPE + 7
    GREEK = FIRST_TYPE + 8
    CYRILLIC = FIRST_TYPE + 9
    HEBREW = FIRST_TYPE + 10
    ARABIC = FIRST_TYPE + 11
    INDIC = FIRST_TYPE + 12
    HANGUL = FIRST_TYPE + 13
    HAN = FIRST_TYPE + 14
    KANA = FIRST_TYPE + 15
    THAI = FIRST_TYPE + 16
    OTHER = FIRST_TYPE + 17


@cache
def _classes() -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Build the class and is-upper tables of the Basic Multilingual Plane."""
    table = np.full(0x10000, OTHER, dtype=np.uint8)
    upper = np.zeros(0x10000, dtype=np.bool_)
    for c in range(0x10000):
        char = chr(c)
        category = unicodedata.category(char)
        upper[c] = category == "Lu"
        if category[0] == "Z" or char.isspace():
            table[c] = SPACE
        elif category[0] == "N":
            table[c] = DIGIT
        elif category[0] == "M":
            table[c] = MARK
        elif category[0] in "PS":
            table[c] = PUNCT
        elif c < 0x0250 or 0x1E00 <= c < 0x1F00:
            table[c] = LATIN
    for first, last, script in _SCRIPTS:
        block = table[first : last + 1]
        block[(block == OTHER) | ((block == MARK) & (script in (INDIC, THAI)))] = script
    table[[ord(c) for c in _SPLITTING]] = SPLIT
    for first, last in ((0x2600, 0x27BF), (0x2B00, 0x2BFF), (0x200D, 0x200D), (0xFE0F, 0xFE0F), (0x20E3, 0x20E3)):
        table[first : last + 1] = EMOJI
    table[SEPARATOR] = SPACE
    return table, upper


def classify(points: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return the character class of each code point, shape (characters,)."""
    table, _ = _classes()
    classes = table[np.minimum(points, 0xFFFF)]
    beyond = points >= 0x10000
    if beyond.any():
        emoji = (points >= 0x1F000) & (points < 0x1FB00)
        han = (points >= 0x20000) & (points < 0x40000)
        classes = np.where(beyond, np.where(emoji, EMOJI, np.where(han, HAN, OTHER)), classes).astype(np.uint8)
    return classes


@dataclass(frozen=True)
class Chunks:
    """Hold where chunks lie in an array of code points; all arrays have shape (chunks,)."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]  # exclusive
    types: NDArray[np.int64]  # ChunkType


class WordChunker:
    """Cut at white space and punctuation, long runs at ``max_ids`` character ids."""

    def __init__(self, max_ids: int) -> None:
        self.max_ids = max_ids

    def __call__(self, points: NDArray[np.uint32], widths: NDArray[np.int64]) -> Chunks:
        """Cut code points, shape (characters,), whose id counts are ``widths``, into chunks in reading order."""
        empty = np.zeros(0, dtype=np.int64)
        if points.size == 0:
            return Chunks(empty, empty, empty)
        classes = classify(points)
        groups = self._groups(classes)
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        starts, ends = self._cut_long_runs(starts, groups, widths)
        keep = groups[starts] != SPACE
        starts, ends = starts[keep], ends[keep]
        if starts.size == 0:
            return Chunks(empty, empty, empty)
        return Chunks(starts, ends, _types(points, classes, starts, ends))

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
        for script, size in _WINDOWS.items():
            window = np.where(groups[starts] == script, np.minimum(window, size), window)
        offset = np.arange(len(groups)) - np.repeat(starts, lengths)
        cuts = offset % np.repeat(window, lengths) == 0
        starts = np.flatnonzero(cuts)
        return starts, np.append(starts[1:], len(groups))


def _types(
    points: NDArray[np.uint32], classes: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the ChunkType of each chunk, shape (chunks,)."""
    upper = _classes()[1][np.minimum(points, 0xFFFF)] & (points < 0x10000)
    bounds = np.stack([starts, ends], axis=1).ravel()  # (2 * chunks,): reduceat's even slots are the chunks

    def count(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
        total = np.concatenate([[0], np.cumsum(flags)])
        return total[bounds[1::2]] - total[bounds[0::2]]

    letters = count(classes >= LATIN)
    capitals = count(upper)
    first = classes[starts].astype(np.int64)
    types = np.full(len(starts), int(ChunkType.WORD), dtype=np.int64)
    types[upper[starts]] = ChunkType.CAPITALISED
    types[(capitals >= 2) & (capitals == letters)] = ChunkType.ALL_CAPS
    scripts = first >= GREEK
    types[scripts] = ChunkType.GREEK + first[scripts] - GREEK
    types[(letters == 0) & (count(classes == DIGIT) > 0)] = ChunkType.NUMERIC
    types[(first == PUNCT) | (first == SPLIT)] = ChunkType.PUNCTUATION
    types[first == EMOJI] = ChunkType.EMOJI
    return types
