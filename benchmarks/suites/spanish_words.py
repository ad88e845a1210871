"""Suite `spanish_words`: is the word found that people misspelt?

Recall@1, in per cent, of the right word among the most frequent Spanish words and all right ones, the frequent first.
Words are single ones, compared whatever their case; misspellings that are a word of the list are left out.

- misspellings: all that follow but chats.
- accents: an accent that is missing, too many, or in the wrong place.
- spelling: wrong letters, as people on Wikipedia and Twitter write them.
- chats: abbreviations.

A peer that corrects words instead of making vectors, `symspell`, is asked with the same words as its dictionary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.peers import Candidate
from benchmarks.suite import Condition, Suite
from benchmarks.suites.real import recall_at_1
from benchmarks.texts.columns import read_columns
from tiered_st.evaluation import digest, unit_vectors

FREQUENT = 20_000  # words of the dictionary
KINDS = {
    "misspellings": ("accent", "spelling", "tweet"),
    "accents": ("accent",),
    "spelling": ("spelling", "tweet"),
    "chats": ("chat",),
}


class SpanishWords:
    """Find the right word of each misspelling, for each list of (misspelt, right) pairs.

    Raises:
        ValueError: If a list holds no misspelling that is no word.
    """

    takes_rankings = True  # a model need not have vectors

    def __init__(self, dictionary: Iterable[str], lists: Mapping[str, Iterable[tuple[str, str]]]) -> None:
        pairs = {name: dict.fromkeys(rows) for name, rows in lists.items()}
        right = (word for rows in pairs.values() for _, word in rows)
        self.words = list(dict.fromkeys([*dictionary, *right]))
        row = {word: i for i, word in enumerate(self.words)}
        self.lists: dict[str, tuple[list[str], list[set[int]]]] = {}
        for name, rows in pairs.items():
            wanted: dict[str, set[int]] = {}
            for misspelt, word in rows:
                if misspelt not in row:
                    wanted.setdefault(misspelt, set()).add(row[word])
            if not wanted:
                raise ValueError(f"the list for {name!r} holds no misspelling: it is not the kit's file.")
            self.lists[name] = list(wanted), list(wanted.values())
        counts = "; ".join(f"{len(found):,} {name}" for name, (found, _) in self.lists.items())
        self.data = f"{counts}; among {len(self.words):,} words"
        self._vectors: tuple[Candidate, np.ndarray] | None = None

    def conditions(self, seeds: int) -> list[Condition]:
        return [Condition(metric, 0) for metric in self.lists]  # nothing is drawn: one seed says it all

    def checksum(self, condition: Condition) -> str:
        misspelt, wanted = self.lists[condition.metric]
        return digest([*misspelt, *self.words, *(repr(sorted(rows)) for rows in wanted)])

    def score(self, model: Candidate, condition: Condition) -> float:
        misspelt, wanted = self.lists[condition.metric]
        if model.ranks:
            best = model.rank(misspelt, self.words, depth=1)[:, 0].tolist()
            return 100.0 * sum(row in rows for row, rows in zip(best, wanted, strict=True)) / len(wanted)
        model.learn(self.words)
        return recall_at_1(unit_vectors(model, misspelt, batch_size=model.batch_size), self._of_words(model), wanted)

    def _of_words(self, model: Candidate) -> np.ndarray:
        """Return the vectors of the words, (words, dimension), made once per model."""
        if self._vectors is None or self._vectors[0] is not model:
            self._vectors = model, unit_vectors(model, self.words, batch_size=model.batch_size)
        return self._vectors[1]


def pairs_of(rows: Sequence[tuple[str, str, str]], kinds: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of single words of (misspelt, right, kind) rows, in lower case, that are of some kinds."""
    lowered = [(misspelt.lower(), right.lower()) for misspelt, right, kind in rows if kind in kinds]
    return [pair for pair in lowered if pair[0] != pair[1] and not any(" " in word for word in pair)]


def load(data: Path | None) -> SpanishWords:
    """Read the kit's list of misspellings and its word frequencies."""
    rows = read_columns(data, "es_dev_misspellings.parquet", "misspelt", "correct", "kind", "human_list")
    made = [row[:3] for row in rows if row[3]]
    counted = read_columns(data, "lex_word_freq_es.parquet", "word", "count")
    frequent = [word.lower() for word, _ in sorted(counted, key=lambda row: -row[1])[:FREQUENT]]
    return SpanishWords(frequent, {name: pairs_of(made, kinds) for name, kinds in KINDS.items()})  # type: ignore[arg-type]


SUITE = Suite(
    name="spanish_words",
    title="Spanish words as people misspell them: the right one found first (recall@1, %)",
    metrics=tuple(KINDS),
    load=load,
)
