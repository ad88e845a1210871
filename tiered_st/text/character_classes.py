"""Sort code points into character classes: space, punctuation, digits, marks, scripts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiered_st.text.unicode_table import CAPITAL, unicode_table

# the order of the letter classes is that of their chunk types; training.unicode_table says which code point is what
SPACE, PUNCT, SPLIT, EMOJI, DIGIT, MARK, LATIN, GREEK, CYRILLIC = range(9)
HEBREW, ARABIC, INDIC, HANGUL, HAN, KANA, THAI, OTHER = range(9, 17)
LOOKS = np.arange(2 * CAPITAL, dtype=np.uint8)  # all there may be, for tables by look
CLASSES = LOOKS % CAPITAL  # the class of each


def classify(points: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return the character class of each code point, shape (characters,)."""
    return unicode_table().classes(points)


def looks_of(points: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return the character class of each code point, and CAPITAL on top of it in capital letters, (characters,)."""
    return unicode_table().looks(points)
