"""Leave accents out, as phones and hurried people do: one by one, or all of a text's.

A mark over a letter of Latin script is an accent, composed with it or not. The tilde of ñ is none: ñ is a letter of its
own, and what stands for it where a keyboard has no such key is an operator of its own.
"""

import random
import unicodedata
from functools import lru_cache

from tiered_st.noise.draws import hits

_TILDE = "\u0303"


@lru_cache(maxsize=8192)
def _bare(char: str) -> str:
    """Return a letter of Latin script without its accents, a combining mark as nothing, another character as it is."""
    if unicodedata.combining(char):
        return ""
    apart = unicodedata.normalize("NFD", char)
    accents = len(apart) > 1 and all(map(unicodedata.combining, apart[1:]))
    return apart[0] if accents and char not in "ñÑ" and unicodedata.name(apart[0], "").startswith("LATIN ") else char


def _without(text: str, place: int) -> str:
    """Return what is left of the character at `place` without its accent; the tilde behind an n stays."""
    char = text[place]
    if not unicodedata.combining(char):
        return _bare(char)
    before = place - 1
    while before > 0 and unicodedata.combining(text[before]):
        before -= 1
    host = text[before] if before >= 0 else ""
    tilde = char == _TILDE and host in ("n", "N")
    return char if tilde or not unicodedata.name(host[:1] or " ", "").startswith("LATIN ") else ""


def drop_accents(text: str, rate: float, rng: random.Random) -> str:
    """Leave out each accent with probability `rate`: está → esta, also é as e and a combining mark; ñ stays.

    Raises:
        ValueError: If `rate` is not in [0, 1].
    """
    out = list(text)
    for place in hits(len(out), rate, rng):
        out[place] = _without(text, place)
    return "".join(out)


def drop_all_accents(text: str, rate: float, rng: random.Random) -> str:
    """Leave out, with probability `rate` per text, all of its accents; ñ stays.

    Raises:
        ValueError: If `rate` is not in [0, 1].
    """
    return drop_accents(text, 1.0, rng) if hits(1, rate, rng) else text


def write_n_for_enye(text: str, rate: float, rng: random.Random) -> str:
    """Write each ñ with probability `rate` as n: año → ano, also where its tilde is a combining mark.

    Raises:
        ValueError: If `rate` is not in [0, 1].
    """
    out = list(text)
    for place in hits(len(out), rate, rng):
        char = text[place]
        if char in "ñÑ":
            out[place] = "n" if char == "ñ" else "N"
        elif char == _TILDE and text[place - 1 : place] in ("n", "N"):
            out[place] = ""
    return "".join(out)


def drop_opening_marks(text: str, rate: float, rng: random.Random) -> str:
    """Leave out each ¿ and ¡ with probability `rate`.

    Raises:
        ValueError: If `rate` is not in [0, 1].
    """
    out = list(text)
    for place in hits(len(out), rate, rng):
        if out[place] in "¿¡":
            out[place] = ""
    return "".join(out)
