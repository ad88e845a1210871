"""Suite `typo`: semantic similarity of STS-B pairs when both sentences are mistyped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers import Candidate
from benchmarks.suite import Condition, Suite
from benchmarks.texts.stsb import read_stsb
from tiered_st.evaluation import TypoRobustnessEvaluator, digest

RATES = {"clean": 0.0, "2 %": 0.02, "5 %": 0.05, "10 %": 0.10, "20 %": 0.20}


class TypoSts:
    """Score one rate and seed at a time through TypoRobustnessEvaluator."""

    def __init__(self, sentences1: Sequence[str], sentences2: Sequence[str], scores: Sequence[float]) -> None:
        self.evaluator = TypoRobustnessEvaluator(sentences1, sentences2, scores, rates=tuple(RATES.values()))
        self.data = f"STS-B dev, English, {len(scores):,} pairs"

    def conditions(self, seeds: int) -> list[Condition]:
        return [Condition(metric, seed) for metric, rate in RATES.items() for seed in range(seeds if rate else 1)]

    def checksum(self, condition: Condition) -> str:
        first, second = self.evaluator.corrupted(RATES[condition.metric], condition.seed)
        return digest([*first, *second, *map(repr, self.evaluator.scores)])

    def score(self, model: Candidate, condition: Condition) -> float:
        self.evaluator.batch_size = model.batch_size
        return self.evaluator.score(model, rate=RATES[condition.metric], seed=condition.seed)


def load(data: Path | None) -> TypoSts:
    """Read the pairs."""
    return TypoSts(*read_stsb(data))


SUITE = Suite(
    name="typo",
    title="STS-B dev, both sentences mistyped (Spearman × 100)",
    metrics=tuple(RATES),
    load=load,
    retained=(("10 %", "clean"),),
    curve=RATES,
)
