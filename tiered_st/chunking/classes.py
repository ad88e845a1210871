"""Sort code points into character classes: space, punctuation, digits, marks, scripts."""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tiered_st.tokenizer import SEPARATOR

# character classes; the order of the letter classes is that of their chunk types
SPACE, PUNCT, SPLIT, EMOJI, DIGIT, MARK, LATIN, GREEK, CYRILLIC = range(9)
HEBREW, ARABIC, INDIC, HANGUL, HAN, KANA, THAI, OTHER = range(9, 17)

_SPLITTING = '-/_\\|()[]{}<>":;,=+…–—~'  # always apart from the words on either side

_SCRIPTS = (  # (first, last, class), blocks of the Basic Multilingual Plane
    (0x0370, 0x03FF, GREEK), (0x1F00, 0x1FFF, GREEK), (0x0400, 0x052F, CYRILLIC), (0x1C80, 0x1C8F, CYRILLIC),
    (0x0590, 0x05FF, HEBREW), (0x0600, 0x06FF, ARABIC), (0x0750, 0x077F, ARABIC), (0x08A0, 0x08FF, ARABIC),
    (0xFB50, 0xFDFF, ARABIC), (0xFE70, 0xFEFE, ARABIC), (0x0900, 0x0DFF, INDIC), (0x1100, 0x11FF, HANGUL),
    (0x3130, 0x318F, HANGUL), (0xAC00, 0xD7AF, HANGUL), (0x3040, 0x30FF, KANA), (0x31F0, 0x31FF, KANA),
    (0x2E80, 0x2FDF, HAN), (0x3005, 0x3007, HAN), (0x3400, 0x4DBF, HAN), (0x4E00, 0x9FFF, HAN),
    (0xF900, 0xFAFF, HAN), (0x0E00, 0x0EFF, THAI), (0x1000, 0x109F, THAI), (0x1780, 0x17FF, THAI),
)  # fmt: skip


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


def is_upper(points: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Say which code points are capital letters of the Basic Multilingual Plane, shape (characters,)."""
    return _classes()[1][np.minimum(points, 0xFFFF)] & (points < 0x10000)
