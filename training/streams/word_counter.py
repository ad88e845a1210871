"""Count the words of a stream in bounded memory."""

from __future__ import annotations

from collections import Counter


class WordCounter:
    """Count words, of which at most so many are held.

    Whenever more than ``limit`` words are held, those with the lowest counts go, all words of a count together, until
    at most half of the limit are left (lossy counting, Manku & Motwani 2002). A word that comes again starts at 0. Up
    to ``limit`` different words, counts are exact.

    Attributes:
        counts: the words held.
        lost: how much too low a count may be at most; 0 while all are exact. A word that is not held was met no more
            often than that.

    Args:
        limit: different words held between calls.
    """

    def __init__(self, limit: int, counts: dict[str, int] | None = None, lost: int = 0) -> None:
        self._limit = limit
        self.counts: Counter[str] = Counter(counts or {})
        self.lost = lost

    def add(self, counts: Counter[str]) -> None:
        """Add counts, e.g. those of a window of texts."""
        self.counts.update(counts)
        if len(self.counts) <= self._limit:
            return
        highest = sorted(self.counts.values(), reverse=True)[self._limit // 2]  # of the words that go
        self.counts = Counter({word: count for word, count in self.counts.items() if count > highest})
        self.lost += highest
