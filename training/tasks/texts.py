"""Rows of single texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tiered_st.noise import drop_spaces, insert_spaces, seeded
from training.tasks.epochs import NO_ROOM, BudgetedEpochs, Epochs, MakeEpochs
from training.tasks.noise import Noise


@dataclass
class TextTask:
    """Texts with noisy views: columns clean, noisy_1 … noisy_n; label: the text's index."""

    texts: list[str]
    noise: Noise
    batch: int
    views: int = 1
    seed: int = 0
    epochs: MakeEpochs = Epochs

    def __post_init__(self) -> None:
        self._epochs = self.epochs([len(text) for text in self.texts], self.batch, self.seed)

    def rows(self, draws: list[int]) -> list[dict[str, Any]]:
        """Walk through the texts."""
        picks = [self._epochs.item(draw) for draw in draws]
        return [
            self.noise.views(self.texts[i], draw, self.views) | {"label": i}
            for draw, i in zip(draws, picks, strict=True)
            if i != NO_ROOM
        ]

    def within(self, chunks: int, budget: int) -> None:
        """Walk in batches of at most ``budget`` chunks, texts being cut at ``chunks``."""
        self._epochs = BudgetedEpochs(
            self._epochs.lengths, self.batch, self.seed, chunks=chunks, budget=budget, columns=1 + self.views
        )


@dataclass
class SpacingTask:
    """Texts whose spaces are dropped and inserted, and nothing else: columns clean, noisy."""

    texts: list[str]
    batch: int
    drop: float = 0.1
    insert: float = 0.05
    seed: int = 0
    epochs: MakeEpochs = Epochs

    def __post_init__(self) -> None:
        self._epochs = self.epochs([len(text) for text in self.texts], self.batch, self.seed)

    def rows(self, draws: list[int]) -> list[dict[str, Any]]:
        """Walk through the texts; rates are drawn up to twice ``drop`` and ``insert``, so that clean text comes too."""
        rows = []
        for draw in draws:
            rng = seeded("spacing", self.seed, draw)
            text = self.texts[self._epochs.item(draw)]
            noisy = drop_spaces(text, 2 * self.drop * rng.random(), rng)
            noisy = insert_spaces(noisy, 2 * self.insert * rng.random(), rng)
            rows.append({"clean": text, "noisy": noisy})
        return rows
