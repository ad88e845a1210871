"""Lose and add spaces, and lose punctuation: what holds words apart."""

import random
import string
import unicodedata

from tiered_st.noise.draws import hits

_ASCII = frozenset(string.punctuation)


def drop_spaces(text: str, rate: float, rng: random.Random) -> str:
    """Leave out each white-space character with probability `rate`."""
    out = list(text)
    for place in hits(len(out), rate, rng):
        if out[place].isspace():
            out[place] = ""
    return "".join(out)


def insert_spaces(text: str, rate: float, rng: random.Random) -> str:
    """Put a space, with probability `rate`, into each gap between two characters that are not spaces."""
    out = list(text)
    for gap in hits(len(out) - 1, rate, rng):
        if not text[gap].isspace() and not text[gap + 1].isspace():
            out[gap] += " "
    return "".join(out)


def strip_punctuation(text: str, rate: float, rng: random.Random) -> str:
    """Leave out each punctuation character (ASCII's, or of a Unicode category P) with probability `rate`."""
    out = list(text)
    for place in hits(len(out), rate, rng):
        if out[place] in _ASCII or unicodedata.category(out[place])[0] == "P":
            out[place] = ""
    return "".join(out)
