"""Spell Spanish by its sound: b for v, no h or one too many, ll for y, s for c and z, j for g, k for qu."""

import random
from re import IGNORECASE
from re import compile as regex

from tiered_st.noise.draws import hits
from tiered_st.noise.edits import edited
from tiered_st.noise.misspellings import recase

# Each cell is "seen:written,written,…", tried in this order. After "+" stands what must follow: E is e or i, A another
# vowel, V any; "^" is the start of a word, and nothing written is a letter dropped.
_SOUNDS = (
    "hu+a:gu,u hu+e:gu,gü,u gü+E:hu,gu gu+a:hu ch:sh ll+V:y qu+E:k k+E:qu k+A:c h+V: b:v v:b y+V:ll "
    "z+E:c,s z:s s+E:c,z s:z c+E:s,z c+A:k g+E:j j+E:g x:s,cs,j ^+V:h"
)
_FOLLOWS = {"E": "[eéií]", "A": "[aáoóuú]", "V": "[aáeéiíoóuúü]", "a": "[aá]", "e": "[eé]"}


def _pattern(seen: str) -> str:
    """Return the regular expression of what a cell sees."""
    sound, _, follows = seen.partition("+")
    before = "(?<!c)" if sound == "h" else ""
    return before + sound + (f"(?={_FOLLOWS[follows]})" if follows else "")


_CELLS = [cell.split(":") for cell in _SOUNDS.split()]
_WAYS = [ways.split(",") for _, ways in _CELLS]
_PLACES = regex("|".join(f"({_pattern(seen)})" for seen, _ in _CELLS), IGNORECASE)
_WORD = regex(r"[^\W\d_]+")


def misspell_by_sound(text: str, rate: float, rng: random.Random) -> str:
    """Write each sound that Spanish spells in several ways, with probability `rate`, in another: vaca → baca.

    b/v, h dropped or put before a vowel that opens a word, ll/y, c/s/z, g/j and qu/k/c where they sound alike,
    x/s/cs/j, hua/gua, ch/sh. Words keep their case.

    Raises:
        ValueError: If `rate` is not in [0, 1].
    """
    words = list(_WORD.finditer(text))
    places = [(number, found) for number, word in enumerate(words) for found in _PLACES.finditer(word[0])]
    spelt: dict[int, list[tuple[int, int, str]]] = {}
    for place in hits(len(places), rate, rng):
        number, found = places[place]
        ways = _WAYS[(found.lastindex or 0) - 1]
        spelt.setdefault(number, []).append((*found.span(), ways[int(rng.random() * len(ways))]))
    # Word by word, for the case is of the whole word.
    rewritten = ((words[number], edited(words[number][0], edits)) for number, edits in spelt.items())
    return edited(text, ((*word.span(), recase(written, word[0])) for word, written in rewritten))
