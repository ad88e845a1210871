"""Rows of neighbouring sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tiered_st.noise import seeded
from training.tasks.epochs import Epochs, MakeEpochs
from training.tasks.noise import Noise


@dataclass
class NextSentenceTask:
    """Two sentences that follow each other (label 1) or come from two documents (label 0): columns first, second."""

    documents: list[list[str]]
    noise: Noise
    batch: int
    seed: int = 0
    epochs: MakeEpochs = Epochs

    def __post_init__(self) -> None:
        if len(self.documents) < 2:
            raise ValueError(f"{len(self.documents)} documents: next sentences need two, to take a wrong one from.")
        self._places = [(d, s) for d, sentences in enumerate(self.documents) for s in range(len(sentences) - 1)]
        if len(self._places) < self.batch:
            raise ValueError(
                f"{len(self._places)} neighbours cannot fill a batch of {self.batch}: give more documents."
            )
        self._epochs = self.epochs([len(self.documents[d][s]) for d, s in self._places], self.batch, self.seed)

    def rows(self, draws: list[int]) -> list[dict[str, Any]]:
        """Walk through the places where one sentence follows another."""
        rows = []
        for draw in draws:
            document, place = self._places[self._epochs.item(draw)]
            rng = seeded("next", self.seed, draw)
            first, second, label = self.documents[document][place], self.documents[document][place + 1], 1
            if rng.random() < 0.5:
                other = int(rng.random() * (len(self.documents) - 1))
                sentences = self.documents[other + (other >= document)]  # any document but this one
                second, label = sentences[int(rng.random() * len(sentences))], 0
            rows.append({"first": self.noise(first, draw, 1), "second": self.noise(second, draw, 2), "label": label})
        return rows
