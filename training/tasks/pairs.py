"""Rows of paraphrases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.tasks.epochs import NO_ROOM, BudgetedEpochs, Epochs, MakeEpochs
from training.tasks.noise import Noise


@dataclass
class PairTask:
    """Pairs that mean the same, either side corrupted at random, one pair per cluster: columns anchor, positive.

    Batches are made of pairs whose anchors, or with ``alike=1`` whose positives, are of similar length, and where there
    are vectors ``near`` of the pairs, (pairs, d), of pairs near each other by these; labels are then pairs' numbers.
    """

    pairs: list[tuple[str, str, str]]
    noise: Noise
    batch: int
    seed: int = 0
    alike: int = 0
    epochs: MakeEpochs = Epochs
    near: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        clusters: dict[str, list[int]] = {}
        for i, (_, _, cluster) in enumerate(self.pairs):
            clusters.setdefault(cluster, []).append(i)
        self._clusters = list(clusters.values())
        if len(self._clusters) < self.batch:
            raise ValueError(
                f"{len(self._clusters)} clusters of pairs cannot fill a batch of {self.batch} without two of one "
                "cluster meeting: give more pairs, or a smaller batch."
            )
        self._epochs = self.epochs([len(self.pairs[c[0]][self.alike]) for c in self._clusters], self.batch, self.seed)
        self._epochs.near = None if self.near is None else self.near[[c[0] for c in self._clusters]]

    def rows(self, draws: list[int]) -> list[dict[str, Any]]:
        """Walk through the clusters, one pair of each."""
        rows = []
        for draw in draws:
            if (place := self._epochs.item(draw)) == NO_ROOM:
                continue
            cluster = self._clusters[place]
            number = cluster[draw % len(cluster)]
            anchor, positive, _ = self.pairs[number]
            row = {"anchor": self.noise(anchor, draw, 1), "positive": self.noise(positive, draw, 2)}
            rows.append(row if self.near is None else row | {"label": number})
        return rows

    def within(self, chunks: int, budget: int) -> None:
        """Walk in batches of which the longer side has at most ``budget`` chunks, texts being cut at ``chunks``."""
        before = self._epochs
        self._epochs = BudgetedEpochs(before.lengths, self.batch, self.seed, chunks=chunks, budget=budget)
        self._epochs.near = before.near
