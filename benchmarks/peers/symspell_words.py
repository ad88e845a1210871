"""Baseline `symspell`: a spell-checker alone, which ranks words by distance, then frequency, and makes no vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.peers.optional import need

EDITS = 2  # distance to the farthest correction: SymSpell's default


class SymSpellWords:
    """Rank single words as SymSpell corrects to them, its dictionary being the words that are to be found."""

    parameter_count = 0

    def __init__(self) -> None:
        self._symspell = need("symspellpy", of="symspell")
        self.revision = f"symspellpy-{EDITS}"
        self._known: tuple[tuple[str, ...], Any, dict[str, int]] | None = None

    def rank(self, queries: Sequence[str], documents: Sequence[str], *, depth: int) -> np.ndarray:
        """Return the rows of the nearest words for each query, (queries, depth) int64, -1 where there are no more.

        Args:
            queries: Words as they were typed.
            documents: The words there are, the most frequent first.
            depth: How many to return.

        Raises:
            ValueError: If a document is no single word.
        """
        speller, row = self._learned(tuple(documents))
        best = np.full((len(queries), depth), -1, dtype=np.int64)
        for i, query in enumerate(queries):
            found = speller.lookup(query, self._symspell.Verbosity.ALL, max_edit_distance=EDITS)[:depth]
            best[i, : len(found)] = [row[each.term] for each in found]
        return best

    def _learned(self, words: tuple[str, ...]) -> tuple[Any, dict[str, int]]:
        if self._known is None or self._known[0] != words:
            if several := next((word for word in words if len(word.split()) != 1), None):
                raise ValueError(f"SymSpell finds words, and {several[:40]!r} is none: measure it with spanish_words.")
            speller = self._symspell.SymSpell(max_dictionary_edit_distance=EDITS)
            for place, word in enumerate(words):
                speller.create_dictionary_entry(word, len(words) - place)
            self._known = words, speller, {word: i for i, word in enumerate(words)}
        return self._known[1], self._known[2]
