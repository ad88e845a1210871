"""How cost grows with the length of a text and with the number of texts, and by what exponent."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.peers import Candidate
from benchmarks.speed.contenders import set_threads
from benchmarks.speed.texts import texts_of
from benchmarks.speed.throughput import affordable
from benchmarks.speed.timing import exponent, measure

LENGTHS = (16, 32, 64, 96, 160)  # words: ×10, and MiniLM still reads the longest whole
COUNTS = (50, 100, 200, 500)  # texts: ×10
WORDS = 16


def scaling(
    candidates: Sequence[Candidate],
    *,
    rounds: int,
    seconds: float,
    threads: int,
    lengths: Sequence[int] = LENGTHS,
    counts: Sequence[int] = COUNTS,
) -> dict[str, Any]:
    """Return curves of seconds over words per text, and over texts of `WORDS` words, with their exponents.

    Returns:
        {"length": curve, "corpus": curve}, a curve being {"sizes": [...], "models": {name: {"seconds": [...],
        "exponent": number}}}; of length, the seconds are those of one text.
    """
    for candidate in candidates:
        set_threads(candidate, threads)
        candidate.batch_size = 32
    by_length, by_count = [], []
    for words in lengths:
        count = affordable(candidates, texts_of(words, 0.0), seconds / (rounds + 1))
        by_length.append([[1 / speed for speed in own] for own in _speeds(candidates, words, count, rounds, threads)])
    for count in counts:
        found = _speeds(candidates, WORDS, count, rounds, threads)
        by_count.append([[count / speed for speed in own] for own in found])
    return {
        "threads": threads,
        "length": curve(candidates, lengths, by_length),
        "corpus": curve(candidates, counts, by_count) | {"words": WORDS},
    }


def curve(candidates: Sequence[Candidate], sizes: Sequence[int], times: list[list[list[float]]]) -> dict[str, Any]:
    """Return the medians and exponents of seconds (sizes, models, rounds)."""
    models = {}
    for place, candidate in enumerate(candidates):
        seconds = [statistics.median(at[place]) for at in times]
        models[candidate.name] = {"seconds": seconds, "exponent": exponent(sizes, seconds)}
    return {"sizes": list(sizes), "models": models}


def _speeds(candidates: Sequence[Candidate], words: int, count: int, rounds: int, threads: int) -> list[list[float]]:
    return measure(candidates, words=words, count=count, rounds=rounds, before=lambda one: set_threads(one, threads))
