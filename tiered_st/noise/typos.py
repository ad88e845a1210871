"""Typos: keyboard-neighbour substitution, deletion, insertion, transposition."""

import random
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

from tiered_st.noise.draws import hits
from tiered_st.noise.keyboard import NEIGHBOURS, SPANISH_NEIGHBOURS

_REACH = 8  # characters each way searched for a stand-in; bounds the cost on scripts without spaces


@lru_cache(maxsize=8192)
def _neighbours(char: str) -> tuple[str, ...]:
    """Return the keyboard neighbours of `char`, or of its base letter (é → e), or nothing."""
    return NEIGHBOURS.get(char) or NEIGHBOURS.get(unicodedata.normalize("NFD", char)[0], ())


@lru_cache(maxsize=8192)
def _spanish_neighbours(char: str) -> tuple[str, ...]:
    """Return what `_neighbours` does, on the Spanish keyboard, which has a key for ñ."""
    return SPANISH_NEIGHBOURS.get(char) or SPANISH_NEIGHBOURS.get(unicodedata.normalize("NFD", char)[0], ())


def _stand_ins(text: str, place: int, char: str) -> tuple[str, ...]:
    """Return what may replace a `char` without neighbours: others of its word, else `char` doubled."""
    # `char` may have been swapped in from next door, so the word is read from the text itself.
    before = (text[max(0, place - _REACH) : place] + ".").split()[-1][:-1]
    word = before + text[place : place + 1 + _REACH].split()[0]
    return tuple(other for other in word if other != char) or (char + char,)


def _partner(out: list[str], place: int, swapped: int) -> int:
    """Return the place to swap with: the next, else the previous, or -1 where that changes nothing."""
    char = out[place]
    if place + 1 < len(out) and not out[place + 1].isspace():
        return place + 1 if out[place + 1] != char else -1
    # `swapped`: the character here just came from the previous place, and going back would undo that edit.
    if place and place != swapped and out[place - 1] not in ("", char) and not out[place - 1].isspace():
        return place - 1
    return -1


def edit_at(
    text: str,
    places: Iterable[int],
    rng: random.Random,
    kinds: str = "sdit",
    near: Callable[[str], tuple[str, ...]] = _neighbours,
) -> str:
    """Apply one of `kinds`, letters of "sdit", to each of the characters at `places` (ascending); spaces are left.

    `near` says which keys lie next to that of a character.
    """
    out, swapped = list(text), -1
    for place in places:
        char = out[place]
        if char.isspace():
            continue
        draw = rng.random() * len(kinds)
        kind, part = kinds[int(draw)], draw % 1.0  # one draw chooses the kind and, by what is left, the key
        if kind == "d":
            out[place] = ""
        elif kind == "i":
            keys = (*near(char), char)
            out[place] = char + keys[int(part * len(keys))]
        elif kind == "t" and (other := _partner(out, place, swapped)) >= 0:
            out[place], out[other] = out[other], char
            swapped = other
        else:
            keys = near(char) or _stand_ins(text, place, char)
            out[place] = keys[int(part * len(keys))]
    return "".join(out)


def _edit(text: str, rate: float, rng: random.Random, kinds: str) -> str:
    return edit_at(text, hits(len(text), rate, rng), rng, kinds)


def add_typos(text: str, rate: float, rng: random.Random) -> str:
    """Mistype each non-space character with probability `rate`: the definition every benchmark here uses.

    One of `substitute`, `delete`, `insert` and `transpose`, equally likely. As a swap costs two edits, the
    Levenshtein distance is 1.2 × `rate` per non-space character: 1.0 × `rate` per character of English.

    Raises:
        ValueError: If `rate` is not in [0, 1].
    """
    return _edit(text, rate, rng, "sdit")


def add_spanish_typos(text: str, rate: float, rng: random.Random) -> str:
    """Mistype as `add_typos` does, on the Spanish keyboard: ñ is a key beside l and p, and é is mistyped as e is.

    Raises:
        ValueError: If `rate` is not in [0, 1].
    """
    return edit_at(text, hits(len(text), rate, rng), rng, near=_spanish_neighbours)


def substitute(text: str, rate: float, rng: random.Random) -> str:
    """Replace each non-space character with probability `rate` by a key next to it, in the same case.

    Without such a key: through its base letter (é → e), else another character of the word, else doubled.
    """
    return _edit(text, rate, rng, "s")


def delete(text: str, rate: float, rng: random.Random) -> str:
    """Leave out each non-space character with probability `rate`."""
    return _edit(text, rate, rng, "d")


def insert(text: str, rate: float, rng: random.Random) -> str:
    """Add after each non-space character with probability `rate` a key next to it, or the same again."""
    return _edit(text, rate, rng, "i")


def transpose(text: str, rate: float, rng: random.Random) -> str:
    """Swap each non-space character with probability `rate` with the next, at a word's end with the previous.

    Where that changes nothing (a one-letter word, "ll", undoing the last swap) the character is substituted.
    """
    return _edit(text, rate, rng, "t")
