"""Suite `minimal_pairs`: is a typo nearer than another meaning? Robustness must not be blindness.

For each sentence, its mistyped copy is set against a copy with one word changed: an antonym, a negation, a number. The
score is the share of sentences whose cosine with the mistyped copy is the greater one: 50 is a model of random
vectors, 0 one that is blind to the change, or to which every typo means more than it. Every mistyped copy has at
least one typo. A tie counts as lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.peers import Candidate
from benchmarks.suite import Condition, Suite
from benchmarks.texts.columns import read_columns
from benchmarks.texts.meaning_changes import Change, change_number, negate, swap_antonym
from benchmarks.texts.stsb import read_stsb
from tiered_st.evaluation import digest, unit_vectors
from tiered_st.noise import add_typos, seeded, slip_once

CHANGES: dict[str, Change] = {"antonym": swap_antonym, "negation": negate, "number": change_number}
RATES = {"5 %": 0.05, "10 %": 0.10}
METRICS = {f"{change}, typos {level}": (change, rate) for change in CHANGES for level, rate in RATES.items()}
LIMIT, PER_WORD = 500, 25  # sentences for each change, and for each word that is changed: no word leads a score


def minimal_pairs(texts: Iterable[str], change: str) -> list[tuple[str, str]]:
    """Return (sentence, changed sentence) for up to LIMIT sentences, the first PER_WORD of each changed word."""
    counts: Counter[str] = Counter()
    pairs: list[tuple[str, str]] = []
    for text in dict.fromkeys(texts):
        found = CHANGES[change](text, seeded("meaning", change, text))
        if found and counts[found[1]] < PER_WORD and len(pairs) < LIMIT:
            counts[found[1]] += 1
            pairs.append((text, found[0]))
    return pairs


def share_nearer(anchors: np.ndarray, near: np.ndarray, far: np.ndarray) -> float:
    """Return in how many per cent of the rows, unit vectors (triples, dimension), near is nearer than far."""
    gaps = (anchors * near).sum(axis=1) - (anchors * far).sum(axis=1)  # (triples,)
    return 100.0 * float(np.mean(gaps > 0))


class MinimalPairs:
    """Compare each sentence with its mistyped copy and with its changed one."""

    def __init__(self, pairs: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        if empty := [change for change in CHANGES if not pairs.get(change)]:
            raise ValueError(f"no sentence offers a place for {', '.join(empty)}: these are not the kit's sentences.")
        self._pairs = pairs
        self.data = "; ".join(f"{len(found):,} sentences for {change}" for change, found in pairs.items())

    def conditions(self, seeds: int) -> list[Condition]:
        return [Condition(metric, seed) for metric in METRICS for seed in range(seeds)]

    def triples(self, condition: Condition) -> list[tuple[str, str, str]]:
        """Return (sentence, mistyped, changed)."""
        change, rate = METRICS[condition.metric]
        triples = []
        for i, (text, changed) in enumerate(self._pairs[change]):
            rng = seeded("minimal_pairs", change, condition.seed, round(1000 * rate), i)
            noisy = add_typos(text, rate, rng)
            triples.append((text, noisy if noisy != text else slip_once(text, 1.0, rng), changed))
        return triples

    def checksum(self, condition: Condition) -> str:
        return digest(text for triple in self.triples(condition) for text in triple)

    def score(self, model: Candidate, condition: Condition) -> float:
        texts = [text for triple in self.triples(condition) for text in triple]
        vectors = unit_vectors(model, texts, batch_size=model.batch_size)  # (3 × triples, dimension)
        return share_nearer(vectors[::3], vectors[1::3], vectors[2::3])


def load(data: Path | None) -> MinimalPairs:
    """Read STS-B's dev sentences and the first caption of every dev picture."""
    first, second, _ = read_stsb(data)
    captions = [group[0] for (group,) in read_columns(data, "dev_multi30k_captions.parquet", "captions_en")]
    # STS-B comes sorted by genre: taken in turns, the limit cuts no genre off.
    texts = sorted([*first, *second, *captions], key=lambda text: seeded("order", text).random())
    return MinimalPairs({change: minimal_pairs(texts, change) for change in CHANGES})


SUITE = Suite(
    name="minimal_pairs",
    title="A typo nearer than another meaning (% of sentences; chance 50)",
    metrics=tuple(METRICS),
    load=load,
)
