"""Turn draws into training rows: the same draw always gives the same row, whatever was killed and resumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sentence_transformers.sentence_transformer.data_collator import SentenceTransformerDataCollator

from tiered_st.noise import Misspellings, NoisePolicy, seeded

_POOL = 64  # batches that are sorted by length together, so that texts of one batch need little padding


class Task(Protocol):
    """Anything that makes training rows out of draw numbers."""

    def rows(self, draws: list[int]) -> list[dict[str, Any]]:
        """Return one row of text columns (and a label) per draw."""


@dataclass
class Noise:
    """Corrupt texts by a policy, seeded by task and draw.

    With probability ``real`` a view gets real misspellings, at a rate per word from the upper half of [0, 1], and then
    the policy's operator half of the time. A view that came out empty is the text itself.
    """

    policy: NoisePolicy
    misspellings: Misspellings | None
    real: float
    seed: str

    def __call__(self, text: str, draw: int, view: int) -> str:
        rng = seeded(self.seed, draw, view)
        noisy = text
        if self.misspellings is not None and rng.random() < self.real:
            noisy = self.misspellings(text, 0.5 + 0.5 * rng.random(), rng)
            if noisy != text and rng.random() < 0.5:
                return noisy
        return self.policy.corrupt(noisy, rng).strip() or text

    def views(self, text: str, draw: int, count: int) -> dict[str, str]:
        """Return the columns clean, noisy_1 … noisy_count."""
        return {"clean": text} | {f"noisy_{view}": self(text, draw, view) for view in range(1, count + 1)}


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


@dataclass
class _Epochs:
    """Walk through ``lengths`` items again and again, batches made of items of similar length."""

    lengths: Sequence[int]
    batch: int
    seed: int
    _orders: dict[int, NDArray[np.int64]] = field(default_factory=dict)

    def item(self, draw: int) -> int:
        """Return the item of a draw."""
        # Whole batches only, so that a batch never straddles two blocks of an epoch's order.
        size = len(self.lengths) // self.batch * self.batch or len(self.lengths)
        epoch, place = divmod(draw, size)
        if epoch not in self._orders:
            self._orders = {epoch: self._order(epoch)}
        return int(self._orders[epoch][place])

    def _order(self, epoch: int) -> NDArray[np.int64]:
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(self.lengths))
        lengths = np.asarray(self.lengths)
        for start in range(0, len(order), pool := _POOL * self.batch):
            part = order[start : start + pool]
            part = part[np.argsort(lengths[part], kind="stable")]
            batches = [part[i : i + self.batch] for i in range(0, len(part), self.batch)]
            order[start : start + pool] = np.concatenate([batches[i] for i in rng.permutation(len(batches))])
        return order


@dataclass
class TextTask:
    """Texts with noisy views: columns clean, noisy_1 … noisy_n; label: the text's index."""

    texts: list[str]
    noise: Noise
    batch: int
    views: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        self._epochs = _Epochs([len(text) for text in self.texts], self.batch, self.seed)

    def rows(self, draws: list[int]) -> list[dict[str, Any]]:
        """Walk through the texts."""
        picks = [self._epochs.item(draw) for draw in draws]
        return [
            self.noise.views(self.texts[i], draw, self.views) | {"label": i}
            for draw, i in zip(draws, picks, strict=True)
        ]


@dataclass
class PairTask:
    """Pairs that mean the same, either side corrupted at random, one pair per cluster: columns anchor, positive."""

    pairs: list[tuple[str, str, str]]
    noise: Noise
    batch: int
    seed: int = 0

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
        self._epochs = _Epochs([len(self.pairs[c[0]][0]) for c in self._clusters], self.batch, self.seed)

    def rows(self, draws: list[int]) -> list[dict[str, Any]]:
        """Walk through the clusters, one pair of each."""
        rows = []
        for draw in draws:
            cluster = self._clusters[self._epochs.item(draw)]
            anchor, positive, _ = self.pairs[cluster[draw % len(cluster)]]
            rows.append({"anchor": self.noise(anchor, draw, 1), "positive": self.noise(positive, draw, 2)})
        return rows


@dataclass
class TaskCollator(SentenceTransformerDataCollator):
    """Let the task of a batch make its rows, then preprocess them as usual."""

    tasks: dict[str, Task] = field(default_factory=dict)

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        """Collate rows of one draw number each."""
        name = features[0]["dataset_name"]
        rows = self.tasks[name].rows([feature["draw"] for feature in features])
        return super().__call__([row | {"dataset_name": name} for row in rows])
