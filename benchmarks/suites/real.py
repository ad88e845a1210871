"""Suite `real`: does what people really wrote land nearest to what they meant?

Recall@1, in per cent, of the corrected form among all corrected forms:

- misspellings: single words from lists that people collected (`human_list`). Words are compared whatever their case.
  Misspellings that are another word of the list are left out: nothing could tell them apart without context.
- JFLEG: sentences of learners against their first correction. Sentences that a corrector left as they were are out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.peers import Candidate
from benchmarks.suite import Condition, Suite
from benchmarks.texts.columns import read_columns
from tiered_st.evaluation import digest, unit_vectors

BLOCK = 1024  # noisy texts compared at once: bounds the matrix of cosines


def recall_at_1(queries: np.ndarray, targets: np.ndarray, wanted: Sequence[Collection[int]]) -> float:
    """Return the share, in per cent, of queries whose nearest target is wanted; the first of a tie is nearest.

    Args:
        queries: (queries, dimension) unit vectors.
        targets: (targets, dimension) unit vectors.
        wanted: For each query, the rows of its right targets.
    """
    blocks = [queries[start : start + BLOCK] for start in range(0, len(queries), BLOCK)]
    nearest = np.concatenate([(block @ targets.T).argmax(axis=1) for block in blocks])  # (queries,)
    return 100.0 * sum(int(row) in rows for row, rows in zip(nearest, wanted, strict=True)) / len(wanted)


class RealErrors:
    """Find the corrected form of each noisy text, for each list of (noisy, corrected) pairs."""

    def __init__(self, lists: dict[str, Iterable[tuple[str, str]]]) -> None:
        self.lists: dict[str, tuple[list[str], list[str], list[set[int]]]] = {}
        for metric, pairs in lists.items():
            wanted: dict[str, set[int]] = {}
            targets: dict[str, int] = {}
            for noisy, correct in pairs:
                wanted.setdefault(noisy, set()).add(targets.setdefault(correct, len(targets)))
            kept = {noisy: rows for noisy, rows in wanted.items() if noisy not in targets}
            if not kept:
                raise ValueError(f"the list for {metric!r} holds no noisy text: it is not the kit's file.")
            self.lists[metric] = list(kept), list(targets), list(kept.values())
        counts = (f"{len(noisy):,} {metric} among {len(found):,}" for metric, (noisy, found, _) in self.lists.items())
        self.data = "; ".join(counts)

    def conditions(self, seeds: int) -> list[Condition]:
        return [Condition(metric, 0) for metric in self.lists]  # nothing is drawn: one seed says it all

    def checksum(self, condition: Condition) -> str:
        noisy, targets, wanted = self.lists[condition.metric]
        return digest([*noisy, *targets, *(repr(sorted(rows)) for rows in wanted)])

    def score(self, model: Candidate, condition: Condition) -> float:
        noisy, targets, wanted = self.lists[condition.metric]
        vectors = unit_vectors(model, noisy + targets, batch_size=model.batch_size)  # (noisy + targets, dimension)
        return recall_at_1(vectors[: len(noisy)], vectors[len(noisy) :], wanted)


def load(data: Path | None) -> RealErrors:
    """Read the kit's lists."""
    words = read_columns(data, "dev_misspellings.parquet", "misspelt", "correct", "human_list")
    sentences = read_columns(data, "dev_jfleg.parquet", "source", "corrections")
    return RealErrors(
        {
            "misspellings": [(noisy.lower(), correct.lower()) for noisy, correct, human in words if human],
            "JFLEG": [(source, corrections[0]) for source, corrections in sentences if source not in corrections],
        }
    )


SUITE = Suite(
    name="real",
    title="Real errors: the corrected form found first (recall@1, %)",
    metrics=("misspellings", "JFLEG"),
    load=load,
)
