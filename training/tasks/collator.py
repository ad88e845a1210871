"""Turn drawn rows into a batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.data_collator import SentenceTransformerDataCollator


class Task(Protocol):
    """Anything that makes training rows out of draw numbers."""

    def rows(self, draws: list[int]) -> list[dict[str, Any]]:
        """Return one row of text columns (and a label) per draw."""


@dataclass
class TaskCollator(SentenceTransformerDataCollator):
    """Let the task of a batch make its rows, then preprocess them as usual.

    Args:
        tasks: by name.
        model: whose ``max_seq_length`` is set for a batch whose task has one of its own.
        chunks: those of tasks, by name.
    """

    tasks: dict[str, Task] = field(default_factory=dict)
    model: SentenceTransformer | None = None
    chunks: dict[str, int] = field(default_factory=dict)

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        """Collate rows of one draw number each."""
        name = features[0]["dataset_name"]
        rows = self.tasks[name].rows([feature["draw"] for feature in features])
        with self._reading(self.chunks.get(name)):
            return super().__call__([row | {"dataset_name": name} for row in rows])

    @contextmanager
    def _reading(self, chunks: int | None) -> Iterator[None]:
        if chunks is None or self.model is None:
            yield
            return
        before, self.model.max_seq_length = self.model.max_seq_length, chunks
        try:
            yield
        finally:
            self.model.max_seq_length = before
