"""Count edits instead of characters: one slip per text, or one in a share of the words."""

import random
from re import compile as regex

from tiered_st.noise.draws import hits
from tiered_st.noise.typos import edit_at

_WORD = regex(r"\S+")


def slip_once(text: str, rate: float, rng: random.Random) -> str:
    """Mistype, with probability `rate` per text, exactly one character that is not a space.

    The slip is one of `substitute`, `delete`, `insert` and `transpose`, equally likely, and always changes the text.

    Raises:
        ValueError: If `rate` is not in [0, 1].
    """
    places = [place for place, char in enumerate(text) if not char.isspace()]
    if not hits(1, rate, rng) or not places:
        return text
    return edit_at(text, [places[int(rng.random() * len(places))]], rng)


def slip_in_words(text: str, rate: float, rng: random.Random) -> str:
    """Mistype exactly one character of each word, words being what white space separates, with probability `rate`.

    Raises:
        ValueError: If `rate` is not in [0, 1].
    """
    words = list(_WORD.finditer(text))
    chosen = [words[place] for place in hits(len(words), rate, rng)]
    places = [word.start() + int(rng.random() * len(word[0])) for word in chosen]
    return edit_at(text, places, rng)
