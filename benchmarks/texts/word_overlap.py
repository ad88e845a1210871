"""Hard negatives without a model: of many texts drawn at random, those that share most words."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

_WORD = re.compile(r"\w+")


def words_of(text: str) -> frozenset[str]:
    """Return the distinct words of a text, in lower case."""
    return frozenset(_WORD.findall(text.lower()))


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the Jaccard similarity of two sets of words, 0 to 1."""
    return len(one & other) / len(one | other) if one or other else 0.0


def hard_negatives(
    text: str, groups: Sequence[frozenset[str]], forbidden: set[int], rng: random.Random, *, count: int, among: int
) -> list[int]:
    """Return the ``count`` rows with most words in common with a text, of ``among`` rows that are drawn.

    Args:
        text: What the negatives are to be mistaken for.
        groups: The words of every row.
        forbidden: Rows that are no negatives.
        rng: Draws the rows; the same state gives the same rows.
        count: How many negatives, best first; the first drawn of a tie is the better one.
        among: How many rows are drawn, with repetition.
    """
    wanted = words_of(text)
    drawn = dict.fromkeys(int(rng.random() * len(groups)) for _ in range(among))
    rows = [row for row in drawn if row not in forbidden]
    return sorted(rows, key=lambda row: -overlap(wanted, groups[row]))[:count]
