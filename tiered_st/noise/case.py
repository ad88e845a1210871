"""Change the case of a text."""

import random

from tiered_st.noise.draws import hits


def _title(text: str) -> str:
    return " ".join([word[:1].upper() + word[1:].lower() for word in text.split(" ")])


def upper_case(text: str, rate: float, rng: random.Random) -> str:
    """Put the text, with probability `rate` per text, in upper case."""
    return text.upper() if hits(1, rate, rng) else text


def lower_case(text: str, rate: float, rng: random.Random) -> str:
    """Put the text, with probability `rate` per text, in lower case."""
    return text.lower() if hits(1, rate, rng) else text


def title_case(text: str, rate: float, rng: random.Random) -> str:
    """Begin every word with a capital, with probability `rate` per text, and write the rest of it small."""
    return _title(text) if hits(1, rate, rng) else text


def _swap_initials(text: str) -> str:
    return " ".join([word[:1].swapcase() + word[1:] for word in text.split(" ")])


def change_case(text: str, rate: float, rng: random.Random) -> str:
    """Put the text, with probability `rate` per text, in upper, lower, title, swapped-initial or random case.

    A case that would leave the text as it is gives way to the next one in that order.
    """
    if not hits(1, rate, rng):
        return text
    caps = set(hits(len(text), 0.5, rng))
    ways = (
        str.upper,
        str.lower,
        _title,
        _swap_initials,
        lambda clean: "".join([char.swapcase() if i in caps else char for i, char in enumerate(clean)]),
    )
    first = int(rng.random() * len(ways))
    changed = (way(text) for way in ways[first:] + ways[:first])
    return next((noisy for noisy in changed if noisy != text), text)
