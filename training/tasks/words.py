"""Rows of words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.noise import seeded
from training.tasks.noise import Noise


@dataclass
class WordTask:
    """Words with misspellings: columns clean, noisy_1 … noisy_n; label: the word's index."""

    words: list[str]
    probabilities: NDArray[np.float64]
    noise: Noise
    views: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        self._edges = np.cumsum(self.probabilities)

    def rows(self, draws: list[int]) -> list[dict[str, Any]]:
        """Draw words by their probability."""
        at = [seeded("word", self.seed, draw).random() for draw in draws]
        picks = np.minimum(np.searchsorted(self._edges, at), len(self.words) - 1).tolist()
        return [
            self.noise.views(self.words[i], draw, self.views) | {"label": i}
            for draw, i in zip(draws, picks, strict=True)
        ]
