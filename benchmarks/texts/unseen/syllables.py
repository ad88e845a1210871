"""Syllables of English words, by rule, and the slip of swapping two of them."""

from __future__ import annotations

import random
import re
from itertools import pairwise

from benchmarks.texts.meaning_changes import like
from tiered_st.noise.draws import hits
from tiered_st.noise.edits import edited

_WORD = re.compile(r"[A-Za-z]+")
_VOWELS = re.compile(r"[aeiouy]+", re.IGNORECASE)
_PAIRS = ("ch", "ck", "gh", "ph", "sh", "th")  # two letters that are one sound


def syllables(word: str) -> list[str]:
    """Cut a word into syllables: before the last of the consonants between two vowels; a last "e" alone is silent."""
    vowels = [found.span() for found in _VOWELS.finditer(word)]
    if len(vowels) > 1 and word[-1:].lower() == "e" and vowels[-1] == (len(word) - 1, len(word)):
        vowels.pop()
    cuts = [0]
    for (_, end), (start, _) in pairwise(vowels):
        last = start - 2 if word[start - 2 : start].lower() in _PAIRS and start - 2 >= end else start - 1
        cuts.append(max(end, last))
    return [word[start:end] for start, end in zip(cuts, [*cuts[1:], len(word)], strict=True)]


def swap_syllables(text: str, rate: float, rng: random.Random) -> str:
    """Swap two neighbouring syllables of each word with probability ``rate``; a word of one syllable stays.

    Raises:
        ValueError: If ``rate`` is not in [0, 1].
    """
    words = list(_WORD.finditer(text))
    edits: list[tuple[int, int, str]] = []
    for place in hits(len(words), rate, rng):
        found = words[place]
        parts = syllables(found[0].lower())
        at = int(rng.random() * (len(parts) - 1))
        parts[at : at + 2] = reversed(parts[at : at + 2])
        edits.append((*found.span(), like("".join(parts), found[0])))
    return edited(text, edits)
