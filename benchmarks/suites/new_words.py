"""Suite `new_words`: is a name that no model has seen found when it is mistyped?

Recall@1, in per cent, of the right spelling among all names of its set. Names are alone, as one types them into a
search box, each mistyped at 10 and at 20 % of its characters (those that came out right are left out). A model that can
be taught words (`en-small+taught`) is taught the set's names, and no misspelling.

- rare: English words beyond the 40,000 most frequent, drawn with a fixed seed; many have no place in a memory.
- invented: names made of syllables with a fixed seed, such as no word list has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import numpy as np

from benchmarks.peers import Candidate
from benchmarks.suite import Condition, Suite
from benchmarks.suites.real import recall_at_1
from benchmarks.texts.clean_and_noisy import mistyped
from benchmarks.texts.columns import read_columns
from tiered_st.evaluation import digest, unit_vectors

RATES = {" 10 %": 0.1, " 20 %": 0.2}
SETS = ("rare", "invented")
SAMPLE = 1500  # names of a set
FREQUENT = 40_000  # words that come before the rare ones
LETTERS = range(6, 13)  # of a name
_OPENINGS = (
    "b", "br", "c", "cl", "d", "dr", "f", "fl", "g", "gl", "h", "j", "k", "kr", "l", "m", "n", "p", "pl", "pr", "qu",
    "r", "s", "sk", "st", "t", "tr", "v", "w", "z",
)  # fmt: skip
_VOWELS = ("a", "e", "i", "o", "u", "y", "ae", "ia", "io")
_ENDINGS = ("l", "n", "r", "s", "x", "m", "t", "nt", "rk", "sh", "ra", "lo", "ne", "ix", "us")


class NewWords:
    """Find each name of a set by its misspelling."""

    suite = "new_words"

    def __init__(self, sets: Mapping[str, Sequence[str]]) -> None:
        self.sets = {name: list(dict.fromkeys(words)) for name, words in sets.items()}
        if empty := [name for name, words in self.sets.items() if not words]:
            raise ValueError(f"the set {empty[0]!r} holds no name: it is not the kit's file.")
        self.data = "; ".join(f"{len(words):,} {name} names" for name, words in self.sets.items())

    def conditions(self, seeds: int) -> list[Condition]:
        return [Condition(name + rate, seed) for name in self.sets for rate in RATES for seed in range(seeds)]

    def checksum(self, condition: Condition) -> str:
        names, queries, _ = self._seen(condition)
        return digest([*names, *queries])

    def score(self, model: Candidate, condition: Condition) -> float:
        names, queries, wanted = self._seen(condition)
        model.learn(names)
        vectors = unit_vectors(model, queries + names, batch_size=model.batch_size)  # (queries + names, dimension)
        return recall_at_1(vectors[: len(queries)], vectors[len(queries) :], wanted)

    def _seen(self, condition: Condition) -> tuple[list[str], list[str], list[set[int]]]:
        """Return the names, those that came out wrong as they are typed, and the row of the right one of each."""
        name, rate = next((name, rate) for name in self.sets for rate in RATES if name + rate == condition.metric)
        names = self.sets[name]
        typed = mistyped(f"{self.suite} {name}", names, rate=RATES[rate], seed=condition.seed)
        wrong = np.flatnonzero([a != b for a, b in zip(typed, names, strict=True)]).tolist()
        return names, [typed[i] for i in wrong], [{i} for i in wrong]


def invented(count: int, known: set[str], seed: int = 0) -> list[str]:
    """Return distinct names of two or three syllables, none of them among the ``known`` words."""
    random, names = Random(f"new_words {seed}"), dict[str, None]()
    while len(names) < count:
        syllables = random.choice((2, 3))
        name = "".join(random.choice(_OPENINGS) + random.choice(_VOWELS) for _ in range(syllables))
        name += random.choice(_ENDINGS)
        if len(name) in LETTERS and name not in known:
            names[name.capitalize()] = None
    return list(names)


def load(data: Path | None) -> NewWords:
    """Read the kit's word list, the most frequent words first."""
    rows = read_columns(data, "lex_word_freq_en.parquet", "word", "count")
    words = [word for word, _ in sorted(rows, key=lambda row: -row[1])]
    rare = [word for word in words[FREQUENT:] if word.isalpha() and len(word) in LETTERS]
    drawn = Random("new_words rare").sample(rare, min(SAMPLE, len(rare)))
    return NewWords({"rare": drawn, "invented": invented(SAMPLE, set(words))})


SUITE = Suite(
    name="new_words",
    title="Names that no model has seen, mistyped: the right one found first (recall@1, %)",
    metrics=tuple(name + rate for name in SETS for rate in RATES),
    load=load,
)
