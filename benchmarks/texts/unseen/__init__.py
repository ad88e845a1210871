"""Noise that no recipe of training draws from, so that a figure does not rest on the noise that a model was trained on.

Operators as in `tiered_st.noise`, `(text, rate, rng) -> str`, seeded and rate-controlled like those; they stay here so
that training cannot name them. What a rate counts stands in `KINDS`; places that an operator cannot touch are skipped.
"""

from __future__ import annotations

import random

from benchmarks.texts.unseen.dvorak import type_on_dvorak
from benchmarks.texts.unseen.phonetic import spell_by_sound
from benchmarks.texts.unseen.speech import mishear
from benchmarks.texts.unseen.syllables import swap_syllables
from benchmarks.texts.unseen.texting import abbreviate
from tiered_st.noise.policy import Operator

__all__ = ["KINDS", "MIXED", "abbreviate", "corrupt", "mishear", "spell_by_sound", "swap_syllables", "type_on_dvorak"]

KINDS: dict[str, tuple[Operator, float]] = {
    "Dvorak keys 10 %": (type_on_dvorak, 0.10),  # of characters
    "by sound 60 %": (spell_by_sound, 0.60),  # of the letter groups that sound like another one
    "as heard 20 %": (mishear, 0.20),  # of words
    "syllables swapped 30 %": (swap_syllables, 0.30),  # of words
    "texting 50 %": (abbreviate, 0.50),  # of words
}
MIXED = "one of these"  # drawn for each text


def corrupt(text: str, kind: str, rng: random.Random) -> str:
    """Return a text under one of `KINDS`, or under one that is drawn.

    Raises:
        KeyError: If there is no such kind.
    """
    if kind == MIXED:
        kind = list(KINDS)[int(rng.random() * len(KINDS))]
    operate, rate = KINDS[kind]
    return operate(text, rate, rng)
