"""Say what a chunk looks like."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tiered_st.text.character_classes import DIGIT, EMOJI, GREEK, LATIN, PUNCT, SPACE, SPLIT, is_upper
from tiered_st.text.tokenizer import FIRST_TYPE


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


def types_of(
    points: NDArray[np.uint32], classes: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the ChunkType of each chunk, shape (chunks,); the first character of a chunk says what it opens with."""
    upper = is_upper(points)
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


def mixed_types_of(
    points: NDArray[np.uint32], classes: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the ChunkType of chunks that may hold spaces and several sorts of characters, shape (chunks,).

    Such a chunk is what its first letter is, or its first digit where it has no letter: a quotation mark that happens
    to open a window does not make it punctuation.
    """
    heads = _first(classes != SPACE, starts, ends, starts)
    heads = _first(classes == DIGIT, starts, ends, heads)
    heads = _first(classes >= LATIN, starts, ends, heads)
    return types_of(points, classes, heads, ends)


def _first(
    flags: NDArray[np.bool_], starts: NDArray[np.int64], ends: NDArray[np.int64], otherwise: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the first flagged character of each chunk, or ``otherwise`` where it has none, shape (chunks,)."""
    flagged = np.append(np.flatnonzero(flags), len(flags))
    first = flagged[np.searchsorted(flagged, starts)]
    return np.where(first < ends, first, otherwise)
