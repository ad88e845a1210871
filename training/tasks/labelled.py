"""Rows of texts with a label: scores of pairs, classes, topics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from training.tasks.epochs import Epochs, MakeEpochs
from training.tasks.noise import Noise


@dataclass
class LabelledTask:
    """Texts with a number each: columns text_1 … text_n, every one corrupted or not by the policy; label."""

    examples: list[tuple[tuple[str, ...], float | int]]
    noise: Noise
    batch: int
    seed: int = 0
    epochs: MakeEpochs = Epochs

    def __post_init__(self) -> None:
        self._epochs = self.epochs([len(texts[0]) for texts, _ in self.examples], self.batch, self.seed)

    def rows(self, draws: list[int]) -> list[dict[str, Any]]:
        """Walk through the examples."""
        rows = []
        for draw in draws:
            texts, label = self.examples[self._epochs.item(draw)]
            columns = {f"text_{i}": self.noise(text, draw, i) for i, text in enumerate(texts, start=1)}
            rows.append(columns | {"label": label})
        return rows
