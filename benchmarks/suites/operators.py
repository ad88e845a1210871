"""Suite `operators`: STS-B under each kind of noise alone, and at other levels than a rate per character.

Both sentences are corrupted, but for "one side". Rates are per character that the operator can touch, but: cases and
punctuation are changed throughout; spaces are dropped from three gaps in ten; every word that has a misspelling in
lists collected by people (of dev words, which no training list holds) gets one; "mixed" draws a kind for each text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import Candidate
from benchmarks.suite import Condition, Suite
from benchmarks.texts.columns import read_columns
from benchmarks.texts.stsb import read_stsb
from tiered_st.evaluation import digest, spearman, unit_vectors
from tiered_st.noise import OPERATORS, Misspellings, NoisePolicy, seeded

MISSPELLINGS = "misspellings"
MIXED = NoisePolicy(
    weights=tuple(
        (name, 0.125)
        for name in (
            "typos", "ocr", "case", "drop_spaces", "insert_spaces", "punctuation", "homoglyphs", MISSPELLINGS,
        )
    ),
    rates=(0.10, 0.10),
)  # fmt: skip


@dataclass(frozen=True)
class Noise:
    """What is done to a text.

    Attributes:
        operator: A name in `tiered_st.noise.OPERATORS`, "misspellings", or "mixed"; none for clean text.
        rate: Given to the operator.
        both: Corrupt both sentences of a pair, not the first alone.
    """

    operator: str = ""
    rate: float = 0.10
    both: bool = True

    @property
    def drawn(self) -> bool:
        """Whether another seed gives another text."""
        return self.operator not in ("", "upper", "lower", "title", "punctuation")


NOISES: dict[str, Noise] = {
    "clean": Noise(),
    "substituted 10 %": Noise("substitute"),
    "deleted 10 %": Noise("delete"),
    "inserted 10 %": Noise("insert"),
    "transposed 10 %": Noise("transpose"),
    "all four 10 %": Noise("typos"),
    "all four 10 %, one side": Noise("typos", both=False),
    "OCR 10 %": Noise("ocr"),
    "homoglyphs 10 %": Noise("homoglyphs"),
    "leet 10 %": Noise("leet"),
    "upper case": Noise("upper", 1.0),
    "lower case": Noise("lower", 1.0),
    "title case": Noise("title", 1.0),
    "no punctuation": Noise("punctuation", 1.0),
    "spaces dropped 30 %": Noise("drop_spaces", 0.30),
    "spaces inserted 10 %": Noise("insert_spaces"),
    "people's misspellings": Noise(MISSPELLINGS, 1.0),
    "mixed 10 %": Noise("mixed"),
    "one edit per text": Noise("one_slip", 1.0),
    "10 % of words": Noise("word_slips", 0.10),
    "30 % of words": Noise("word_slips", 0.30),
    "50 % of words": Noise("word_slips", 0.50),
}


class OperatorSts:
    """Correlate cosine and gold of pairs under one noise at a time."""

    def __init__(
        self,
        first: Sequence[str],
        second: Sequence[str],
        scores: Sequence[float],
        misspellings: Misspellings,
        *,
        noises: Mapping[str, Noise] = NOISES,
    ) -> None:
        self._sides, self._scores = (list(first), list(second)), list(scores)
        self._misspellings, self._noises = misspellings, noises
        self.data = f"STS-B dev, English, {len(self._scores):,} pairs"

    def conditions(self, seeds: int) -> list[Condition]:
        return [
            Condition(metric, seed)
            for metric, noise in self._noises.items()
            for seed in range(seeds if noise.drawn else 1)
        ]

    def seen(self, condition: Condition) -> tuple[list[str], list[str]]:
        """Return first and second texts as the model sees them."""
        noise = self._noises[condition.metric]
        first, second = (
            [self._corrupt(text, noise, condition.seed, side, i) for i, text in enumerate(texts)]
            for side, texts in enumerate(self._sides)
        )
        return first, second if noise.both else self._sides[1]

    def checksum(self, condition: Condition) -> str:
        first, second = self.seen(condition)
        return digest([*first, *second, *map(repr, self._scores)])

    def score(self, model: Candidate, condition: Condition) -> float:
        first, second = self.seen(condition)
        vectors = unit_vectors(model, first + second, batch_size=model.batch_size)  # (2 × pairs, dimension)
        cosines = (vectors[: len(first)] * vectors[len(first) :]).sum(axis=1)  # (pairs,)
        return 100.0 * spearman(cosines, self._scores)

    def _corrupt(self, text: str, noise: Noise, seed: int, side: int, i: int) -> str:
        if not noise.operator:
            return text
        rng = seeded("operators", noise.operator, seed, round(1000 * noise.rate), side, i)
        if noise.operator == "mixed":
            return MIXED.corrupt(text, rng, self._misspellings)
        operate = self._misspellings if noise.operator == MISSPELLINGS else OPERATORS[noise.operator]
        return operate(text, noise.rate, rng)


def load(data: Path | None) -> OperatorSts:
    """Read the kit's pairs and the misspellings of its dev words."""
    rows = read_columns(data, "dev_misspellings.parquet", "misspelt", "correct", "human_list")
    pairs = read_stsb(data)
    return OperatorSts(*pairs, Misspellings((misspelt, correct) for misspelt, correct, human in rows if human))


SUITE = Suite(
    name="operators",
    title="STS-B dev under one kind of noise at a time (Spearman × 100)",
    metrics=tuple(NOISES),
    load=load,
    retained=(("all four 10 %", "clean"), ("mixed 10 %", "clean")),
    tall=True,
)
