"""Write the table of what every code point is, which the tokenizer and the chunkers read.

    python -m training.unicode_table

The table is made once, from one version of Unicode, and committed: what a text's chunks are must not depend on the
Unicode tables of whichever Python reads it. Everything that is decided about a character is decided here.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tiered_st.text.character_classes import (
    ARABIC,
    CYRILLIC,
    DIGIT,
    EMOJI,
    GREEK,
    HAN,
    HANGUL,
    HEBREW,
    INDIC,
    KANA,
    LATIN,
    MARK,
    OTHER,
    PUNCT,
    SPACE,
    SPLIT,
    THAI,
)
from tiered_st.text.tokenizer import SEPARATOR, SET_ASIDE
from tiered_st.text.unicode_table import CODE_POINTS, DROPPED, PATH, SHAPING, UNNORMALISED, UnicodeTable, pack

VERSION = "14.0.0"  # of Unicode, that of Python 3.11

_SPLITTING = '-/_\\|()[]{}<>":;,=+…–—~'  # always apart from the words on either side
_BLANK = 0x2800  # the Braille pattern without a dot: Unicode calls it a symbol, but it is the space between words

_SCRIPTS = (  # (first, last, class)
    (0x0370, 0x03FF, GREEK), (0x1F00, 0x1FFF, GREEK), (0x0400, 0x052F, CYRILLIC), (0x1C80, 0x1C8F, CYRILLIC),
    (0x0590, 0x05FF, HEBREW), (0x0600, 0x06FF, ARABIC), (0x0750, 0x077F, ARABIC), (0x08A0, 0x08FF, ARABIC),
    (0xFB50, 0xFDFF, ARABIC), (0xFE70, 0xFEFE, ARABIC), (0x0900, 0x0DFF, INDIC), (0x1100, 0x11FF, HANGUL),
    (0x3130, 0x318F, HANGUL), (0xAC00, 0xD7AF, HANGUL), (0x3040, 0x30FF, KANA), (0x31F0, 0x31FF, KANA),
    (0x2E80, 0x2FDF, HAN), (0x3005, 0x3007, HAN), (0x3400, 0x4DBF, HAN), (0x4E00, 0x9FFF, HAN),
    (0xF900, 0xFAFF, HAN), (0x0E00, 0x0EFF, THAI), (0x1000, 0x109F, THAI), (0x1780, 0x17FF, THAI),
    (0x20000, 0x3FFFF, HAN),
)  # fmt: skip
_EMOJI = ((0x2600, 0x27BF), (0x2B00, 0x2BFF), (0x1F000, 0x1FAFF))
_OF_EMOJI = ((0x200D, 0x200D), (0xFE0F, 0xFE0F), (0x20E3, 0x20E3))  # what joins and selects them, and the keycap
_EMOJI_SYMBOLS = (  # outside those blocks, but an emoji selector may follow
    (0x00A9, 0x00A9), (0x00AE, 0x00AE), (0x203C, 0x203C), (0x2049, 0x2049), (0x2122, 0x2122), (0x2139, 0x2139),
    (0x2194, 0x2199), (0x21A9, 0x21AA), (0x231A, 0x231B), (0x2328, 0x2328), (0x23CF, 0x23CF), (0x23E9, 0x23F3),
    (0x23F8, 0x23FA), (0x24C2, 0x24C2), (0x25AA, 0x25AB), (0x25B6, 0x25B6), (0x25C0, 0x25C0), (0x25FB, 0x25FE),
    (0x2934, 0x2935), (0x3030, 0x3030), (0x303D, 0x303D), (0x3297, 0x3297), (0x3299, 0x3299),
)  # fmt: skip

_NO_GLYPH = (  # Default_Ignorable_Code_Point, and the controls of interlinear annotation and of hieroglyphs' layout
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0x13430, 0x1343F), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
_SHAPING = ((0x200C, 0x200D), (0xFE0E, 0xFE0F), (0xE0020, 0xE007F))  # joiners, emoji selectors, the tags of flags
_JOINING = (  # cursive and Brahmic scripts
    (0x0600, 0x08FF), (0x0900, 0x0DFF), (0x0F00, 0x109F), (0x1700, 0x18AF), (0x1900, 0x194F), (0x1A00, 0x1AAF),
    (0x1B00, 0x1C4F), (0xA800, 0xA82F), (0xA840, 0xA8FF), (0xA930, 0xAA7F), (0xAAE0, 0xAAFF), (0xABC0, 0xABFF),
    (0xFB50, 0xFDFF), (0xFE70, 0xFEFE), (0x10A00, 0x10A5F), (0x10AC0, 0x10AFF), (0x10B80, 0x10BAF), (0x10D00, 0x10D3F),
    (0x10F30, 0x10FDF), (0x11000, 0x11FFF), (0x1E900, 0x1E95F),
)  # fmt: skip

NEW_TO_NORMALISERS = (  # what normalising changes of what Unicode 14 added: Python 3.10 does not know it yet
    (0x0898, 0x089F), (0x08CA, 0x08D2), (0x0C3C, 0x0C3C), (0x1715, 0x1715), (0x1AC1, 0x1ACE), (0x1DFA, 0x1DFA),
    (0xA7F2, 0xA7F4), (0x10781, 0x10785), (0x10787, 0x107B0), (0x107B2, 0x107BA), (0x10F82, 0x10F85),
    (0x11070, 0x11070), (0x1E2AE, 0x1E2AE),
)  # fmt: skip


def make() -> UnicodeTable:
    """Return the table from this Python's Unicode.

    Raises:
        RuntimeError: if that is another version than the one that the models' tables are made from.
    """
    if unicodedata.unidata_version != VERSION:
        raise RuntimeError(
            f"This Python has Unicode {unicodedata.unidata_version}, the table is made from {VERSION}: use Python 3.11."
        )
    categories = np.array([unicodedata.category(chr(c)) for c in range(CODE_POINTS)])
    letters = np.isin(categories.astype("U1"), ["L", "M"]) & ~_among(_NO_GLYPH)
    return UnicodeTable(
        VERSION,
        pack(_classes(categories), (categories == "Lu") & _among([(0, 0xFFFF)]), _kinds(categories)),
        _lower(),
        joining=_edges(_among(_JOINING) & letters),
        emoji=_edges(_among(_EMOJI + _EMOJI_SYMBOLS)),
    )


def _classes(categories: NDArray[np.str_]) -> NDArray[np.uint8]:
    table = np.full(CODE_POINTS, OTHER, dtype=np.uint8)
    for c in range(0x10000):
        major = categories[c][0]
        if major == "Z" or chr(c).isspace():
            table[c] = SPACE
        elif major == "N":
            table[c] = DIGIT
        elif major == "M":
            table[c] = MARK
        elif major in "PS":
            table[c] = PUNCT
        elif c < 0x0250 or 0x1E00 <= c < 0x1F00:
            table[c] = LATIN
    for first, last, script in _SCRIPTS:
        block = table[first : last + 1]
        block[(block == OTHER) | ((block == MARK) & (script in (INDIC, THAI)))] = script
    table[[ord(char) for char in _SPLITTING]] = SPLIT
    table[_among(_EMOJI + _OF_EMOJI)] = EMOJI
    table[[_BLANK, SEPARATOR]] = SPACE
    return table


def _kinds(categories: NDArray[np.str_]) -> NDArray[np.uint8]:
    table = np.zeros(CODE_POINTS, dtype=np.uint8)
    # A later version may add marks and letters that change under normalising; noncharacters stay what they are.
    plane_ends = np.arange(CODE_POINTS) & 0xFFFE == 0xFFFE
    unassigned = (categories == "Cn") & ~plane_ends & ~_among([(0xFDD0, 0xFDEF)])
    table[unassigned | _among(NEW_TO_NORMALISERS)] = UNNORMALISED
    table[SET_ASIDE] = UNNORMALISED
    controls = [c for c in np.flatnonzero(categories == "Cc").tolist() if not chr(c).isspace()]
    table[controls] = DROPPED
    table[_among(_NO_GLYPH)] = DROPPED
    table[_among(_SHAPING)] = SHAPING
    return table


def _lower() -> NDArray[np.uint32]:
    table = np.arange(0x10000, dtype=np.uint32)
    for c in range(0x10000):
        if len(low := chr(c).lower()) == 1:
            table[c] = ord(low)
    table[ord("İ")] = ord("i")  # its lower case is two code points; alignment matters more than the dot
    return table


def _among(ranges: Iterable[tuple[int, int]]) -> NDArray[np.bool_]:
    """Flag the code points of ranges whose ends are included, (CODE_POINTS,)."""
    flags = np.zeros(CODE_POINTS, dtype=np.bool_)
    for first, last in ranges:
        flags[first : last + 1] = True
    return flags


def _edges(flags: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Return where runs of flagged code points begin and end, in turns."""
    return np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0)).astype(np.uint32)


if __name__ == "__main__":
    make().save()
    sys.stdout.write(f"{PATH}: Unicode {VERSION}, {PATH.stat().st_size:,} bytes\n")
