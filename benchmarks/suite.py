"""What a suite is: the types that `benchmarks.run` works with, whatever is measured.

A suite names what it measures and how to load its data. The loaded task splits the measurement into conditions
(a metric and a seed): each is scored on its own, so that a run can be interrupted after any of them, and each has a
checksum of the very texts it shows a model, so that a stored score is reused only for the same texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from benchmarks.peers import Candidate


class Condition(NamedTuple):
    """One cell of a table before averaging: a metric, such as "10 %", under one seed."""

    metric: str
    seed: int


class Task(Protocol):
    """A suite with its data in memory, the same for every model of a run."""

    data: str  # which texts and how many, for people

    def conditions(self, seeds: int) -> list[Condition]:
        """Return all that is to be measured with this many seeds."""

    def checksum(self, condition: Condition) -> str:
        """Return the SHA-256 of texts and labels of one condition."""

    def score(self, model: Candidate, condition: Condition) -> float:
        """Measure one condition."""


@dataclass(frozen=True)
class Suite:
    """What a suite measures.

    Attributes:
        name: As given to ``--suite``.
        title: Caption of its table, with the unit.
        metrics: Columns of its table, in order.
        load: Reads the data from the folder given by ``--data``, or from the hub where that is None.
        retained: (noisy, clean) metrics whose ratio is a further column.
        curve: Rate of each metric that is a point of one robustness curve; the area under it is a further column.
        means: Further columns, each the mean of the metrics it names.
        tall: Whether the table has a row per metric and a column per model, because there are many metrics.
    """

    name: str
    title: str
    metrics: tuple[str, ...]
    load: Callable[[Path | None], Task]
    retained: tuple[tuple[str, str], ...] = ()
    curve: Mapping[str, float] = field(default_factory=dict)
    means: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tall: bool = False
