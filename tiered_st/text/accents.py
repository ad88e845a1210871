"""Read letters of Latin script without their accents, and ordinal signs as they are written."""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tiered_st.text.character_classes import LATIN, MARK, classify

FEMININE, MASCULINE, DEGREE = 0xAA, 0xBA, 0xB0  # ª º °, of which the last is typed for the one before it


@cache
def _letters(own_letters: str) -> NDArray[np.uint32]:
    """Build a look-up table: the letter that each code point of the Basic Multilingual Plane is an accented form of.

    What has no accent stands for itself, and so do ``own_letters``, small and large. Letters that Unicode takes for
    others, ø and ł, do too.
    """
    table = np.arange(0x10000, dtype=np.uint32)
    for point in np.flatnonzero(classify(table) == LATIN).tolist():
        apart = unicodedata.normalize("NFD", chr(point))
        if len(apart) > 1 and all(map(unicodedata.combining, apart[1:])):
            table[point] = ord(apart[0])
    for letter in own_letters + own_letters.upper():
        table[ord(letter)] = ord(letter)
    return table


def without_accents(points: NDArray[np.uint32], own_letters: str = "") -> NDArray[np.uint32]:
    """Return code points, of a normal form, without the accents of Latin letters, (characters,) or fewer.

    A combining mark goes where the character that it combines with is a letter of Latin script.

    Args:
        points: code points, (characters,).
        own_letters: small letters that keep theirs, and so do their capitals.
    """
    points = np.where(points < 0x10000, _letters(own_letters)[np.minimum(points, 0xFFFF)], points)
    classes = classify(points)
    marks = classes == MARK
    if not marks.any():
        return points
    places = np.arange(len(points))
    host = np.maximum.accumulate(np.where(marks, -1, places))  # -1: nothing stands before
    return points[~marks | (host < 0) | (classes[host] != LATIN)]
