"""What speech recognition makes of a text: words that sound alike, run together, broken apart, or not heard at all."""

from __future__ import annotations

import random
import re

from benchmarks.texts.meaning_changes import like
from benchmarks.texts.unseen.homophones import HOMOPHONES
from benchmarks.texts.unseen.syllables import syllables
from tiered_st.noise.draws import hits

_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")
UNHEARD = frozenset(
    ("a", "an", "the", "of", "in", "is", "was", "at", "on", "as", "it", "that", "and", "or", "if", "has", "had", "do",
     "does", "did", "have", "from", "with", "into")
)  # fmt: skip
LEAST = 2  # letters of a part of a word that is broken apart


def mishear(text: str, rate: float, rng: random.Random) -> str:
    """Mishear each word with probability ``rate``.

    A word that sounds like others is one of those, a short word of grammar is not there. Any other one is broken apart
    between two syllables or run together with the next one, equally likely where both can be; else it stays.

    Raises:
        ValueError: If ``rate`` is not in [0, 1].
    """
    found = list(_WORD.finditer(text))
    heard = [word[0] for word in found]
    edges = [0, *(edge for word in found for edge in word.span()), len(text)]
    gaps = [text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]  # around the words
    for place in hits(len(heard), rate, rng):
        word, draw = heard[place], rng.random()
        if others := HOMOPHONES.get(word.lower().replace("’", "'")):
            heard[place] = like(others[int(draw * len(others))], word)
        elif word.lower() in UNHEARD:
            heard[place] = ""
            gaps[place + 1] = gaps[place + 1].lstrip()  # no second space where it stood
        else:
            parts = syllables(word)
            cuts = [cut for cut in _ends(parts) if LEAST <= cut <= len(word) - LEAST]
            joins = place + 1 < len(heard) and gaps[place + 1].isspace()
            if cuts and (draw < 0.5 or not joins):
                cut = cuts[int(rng.random() * len(cuts))]
                heard[place] = f"{word[:cut]} {word[cut:]}"
            elif joins:
                gaps[place + 1] = ""
    return gaps[0] + "".join(word + gap for word, gap in zip(heard, gaps[1:], strict=True))


def _ends(parts: list[str]) -> list[int]:
    """Return where each part of a word but the last ends."""
    return [sum(map(len, parts[:count])) for count in range(1, len(parts))]
