"""Say what a chunk looks like."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tiered_st.text.character_classes import CLASSES, DIGIT, EMOJI, GREEK, LATIN, LOOKS, PUNCT, SPACE, SPLIT
from tiered_st.text.tokenizer import FIRST_TYPE
from tiered_st.text.unicode_table import CAPITAL


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


NOT_WORDS = (ChunkType.BEGIN, ChunkType.FINISH, ChunkType.PUNCTUATION, ChunkType.EMOJI)


def _table_of_types() -> NDArray[np.int64]:
    """Return the type of a chunk by the look of what it opens with, if nothing else were in it."""
    types = np.full(len(LOOKS), int(ChunkType.WORD), dtype=np.int64)
    types[LOOKS >= CAPITAL] = ChunkType.CAPITALISED
    scripts = CLASSES >= GREEK
    types[scripts] = ChunkType.GREEK + CLASSES[scripts].astype(np.int64) - GREEK
    types[(CLASSES == PUNCT) | (CLASSES == SPLIT)] = ChunkType.PUNCTUATION
    types[CLASSES == EMOJI] = ChunkType.EMOJI
    return types


# What a chunk consists of is counted in one running sum: letters, capitals and digits, 20 bits for each.
_BITS = 20
_COUNTED = (
    (CLASSES >= LATIN).astype(np.int64)
    + ((LOOKS >= CAPITAL).astype(np.int64) << _BITS)
    + ((CLASSES == DIGIT).astype(np.int64) << 2 * _BITS)
)
_BY_FIRST = _table_of_types()
_DECIDES = (CLASSES >= GREEK) | (CLASSES == PUNCT) | (CLASSES == SPLIT) | (CLASSES == EMOJI)  # whatever else is in it


def types_of(looks: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the ChunkType of each chunk, shape (chunks,); the first character of a chunk says what it opens with.

    Args:
        looks: ``looks_of`` the characters, (characters,).
        starts: where each chunk starts, (chunks,).
        ends: where each chunk ends, exclusive, (chunks,).
    """
    total = np.zeros(len(looks) + 1, dtype=np.int64)
    np.cumsum(_COUNTED[looks], out=total[1:])
    counts = total[ends] - total[starts]
    letters, capitals = counts & (1 << _BITS) - 1, counts >> _BITS & (1 << _BITS) - 1
    first = looks[starts]
    types, open_ = _BY_FIRST[first], ~_DECIDES[first]
    types[open_ & (capitals >= 2) & (capitals == letters)] = ChunkType.ALL_CAPS
    types[open_ & (letters == 0) & (counts >> 2 * _BITS > 0)] = ChunkType.NUMERIC
    return types


def mixed_types_of(looks: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the ChunkType of chunks that may hold spaces and several sorts of characters, shape (chunks,).

    Such a chunk is what its first letter is, or its first digit where it has no letter: a quotation mark that happens
    to open a window does not make it punctuation.
    """
    classes = CLASSES[looks]
    heads = _first(classes != SPACE, starts, ends, starts)
    heads = _first(classes == DIGIT, starts, ends, heads)
    heads = _first(classes >= LATIN, starts, ends, heads)
    return types_of(looks, heads, ends)


def _first(
    flags: NDArray[np.bool_], starts: NDArray[np.int64], ends: NDArray[np.int64], otherwise: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the first flagged character of each chunk, or ``otherwise`` where it has none, shape (chunks,)."""
    flagged = np.append(np.flatnonzero(flags), len(flags))
    first = flagged[np.searchsorted(flagged, starts)]
    return np.where(first < ends, first, otherwise)
