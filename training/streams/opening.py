"""Open the windows of a stage's streams just before their first batches."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from sentence_transformers.base.sampler import ProportionalBatchSampler
from typing_extensions import override

from training import ranks
from training.streams.streamed_task import StreamedTask
from training.streams.streams import Streams
from training.streams.window_vectors import WindowVectors
from training.streams.windows import Place
from training.targets import Targets
from training.tasks import Task
from training.teacher import DeadlinePassed

logger = logging.getLogger("training")


class Opening:
    """Open the window of every batch that is about to be made, with the teacher's vectors where its rows bring them.

    It happens where batches are drawn, in the main process of each rank, which workers that make rows only follow.

    Attributes:
        first: steps whose batches are not made, since a checkpoint is of after them.

    Args:
        targets: whose teacher is asked.
        streams: of the recipe.
        tasks: of the stage, by name.
        workers: processes of each rank that make rows ahead of time.

    Raises:
        ValueError: if fewer windows are kept than may be open at once.
    """

    def __init__(self, targets: Targets, streams: Streams, tasks: Mapping[str, Task], workers: int) -> None:
        self._tasks = {name: task for name, task in tasks.items() if isinstance(task, StreamedTask)}
        self._writers = {name: streams.writer_of(task) for name, task in self._tasks.items()}
        self._vectors = {
            name: WindowVectors(targets.student, self._writers[name], targets.deadline)
            for name, task in self._tasks.items()
            if task.vectors is not None
        }
        self._places: dict[str, Place] = {}
        self.first = 0
        self._check_kept(streams.config.buffer, workers)

    def open(self, rows: list[dict[str, Any]]) -> bool:
        """Open the windows of the batches of a step, given by a row of each; False where time was up before."""
        for row in rows:
            name, draw = row["dataset_name"], row["draw"]
            if name not in self._tasks:
                continue
            place = self._places.get(name)
            if place is not None and place.first <= draw < place.end:
                continue
            place = self._writers[name].open(draw, self._tasks[name].batch)
            if name in self._vectors:
                try:
                    self._vectors[name].write(place)
                except DeadlinePassed as passed:
                    logger.info("%s", passed)
                    return False
            self._places[name] = place
        return True

    def _check_kept(self, buffer: int, workers: int) -> None:
        """Check that no window is removed while batches of it are on their way: two for each worker, and two more."""
        steps = 2 * workers + 2
        for writer in set(self._writers.values()):
            batches = [task.batch for name, task in self._tasks.items() if self._writers[name] is writer]
            needed = sum(1 + math.ceil(steps * ranks.count() * batch / max(buffer, batch)) for batch in batches)
            if 0 < writer.kept < needed:
                raise ValueError(
                    f"--keep-windows {writer.kept}: up to {needed} windows of {writer.windows.kind} may be open at "
                    f"once, give at least {needed}, or 0 to keep all."
                )


class OpeningSampler(ProportionalBatchSampler):
    """Draw batches as without a stream, and open their windows on the way; it ends early where time is up."""

    opening: Opening

    @override
    def __iter__(self) -> Iterator[list[int]]:
        batches, step = super().__iter__(), 0
        while together := list(islice(batches, ranks.count())):  # one for each rank, or the ranks would part
            if step >= self.opening.first and not self.opening.open([self.dataset[batch[0]] for batch in together]):
                return
            yield from together
            step += 1
