"""Fewer rows where texts are long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from training.tasks.collator import Task

_CHUNKS_PER_WORD = 1.2  # punctuation marks are chunks too: one to six words or so


@dataclass
class WithinBudget:
    """Make only as many rows of a batch as fit a number of chunks, padding included, and two at least.

    The rows that are made are spread evenly over the batch, whose texts its task has made alike in length.

    Args:
        task: makes the rows.
        chunks: longest text; longer ones are cut later.
        budget: chunks of all texts of a batch together.
    """

    task: Task
    chunks: int
    budget: int

    def rows(self, draws: list[int]) -> list[dict[str, Any]]:
        """Return the rows of some of the draws, in their order."""
        last = self.task.rows(draws[-1:])  # the longest: the texts of a batch are in the order of their lengths
        texts = [value for value in last[0].values() if isinstance(value, str)]
        longest = min(self.chunks, max(2 + round(_CHUNKS_PER_WORD * (1 + text.count(" "))) for text in texts))
        fitting = max(2, self.budget // (longest * len(texts)))
        step = -(-len(draws) // fitting)
        return self.task.rows(draws[::step]) if step > 1 else self.task.rows(draws)
