"""Write words and phrases of a table in other ways."""

import random
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from re import compile as regex
from re import escape

from tiered_st.noise.draws import hits
from tiered_st.noise.edits import edited
from tiered_st.noise.misspellings import recase


@lru_cache(maxsize=8192)
def _plain(char: str) -> str:
    """Return a character in lower case and, but for ñ, without accent, where that is one character."""
    low = char.lower()
    low = low if len(low) == 1 else char
    base = unicodedata.normalize("NFD", low)[0]
    return base if low != "ñ" and base.isascii() else low


class Phrases:
    """Replace words and phrases by one of their other ways, whatever their case and accents; in the same case.

    Args:
        table: A word, or several with one space between them, in lower case and without accents but that of ñ, with
            the other ways of it.
    """

    def __init__(self, table: Mapping[str, Iterable[str]]) -> None:
        self._ways = {phrase: tuple(ways) for phrase, ways in table.items()}
        longest_first = sorted(self._ways, key=lambda phrase: (-len(phrase), phrase))
        choices = "|".join(escape(phrase).replace(r"\ ", r"\s+") for phrase in longest_first)
        self._places = regex(rf"(?<!\w)(?:{choices or '(?!)'})(?!\w)")  # an empty table finds nothing

    @property
    def table(self) -> dict[str, tuple[str, ...]]:
        """The phrases with their other ways."""
        return dict(self._ways)

    def __call__(self, text: str, rate: float, rng: random.Random) -> str:
        """Replace each listed phrase with probability `rate`, by a way drawn at random; of two that overlap, the first.

        Raises:
            ValueError: If `rate` is not in [0, 1].
        """
        plain = "".join(map(_plain, text))  # as many characters as the text
        places = list(self._places.finditer(plain))
        edits: list[tuple[int, int, str]] = []
        for place in hits(len(places), rate, rng):
            found = places[place]
            written = text[found.start() : found.end()]
            ways = [way for way in self._ways[" ".join(found[0].split())] if way != written.lower()]
            if ways:
                edits.append((*found.span(), recase(ways[int(rng.random() * len(ways))], written)))
        return edited(text, edits)
