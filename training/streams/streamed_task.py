"""Turn draws into rows by the task of the window that they are of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.streams.window_epochs import WindowEpochs
from training.streams.windows import Place, Windows
from training.tasks import Task


@dataclass
class StreamedTask:
    """Rows of a stream: those of an ordinary task, made for one window at a time.

    Args:
        windows: what is read, opened before (Opening).
        make: makes the task of a window's items, by ``epochs``, which walks through them.
        batch: rows of a batch, all of which are of one window.
        vectors: name of the windows' files of a teacher's vectors, which then are the rows' labels.
    """

    windows: Windows
    make: Callable[..., Task]
    batch: int
    vectors: str | None = None

    def __post_init__(self) -> None:
        self._place: Place | None = None
        self._task: Task | None = None
        self._targets: NDArray[np.float16] | None = None

    def rows(self, draws: list[int]) -> list[dict[str, Any]]:
        """Walk through the windows."""
        rows: list[dict[str, Any]] = []
        for place, some in groupby(draws, self._place_of):
            task = self._open(place)
            made = task.rows(list(some))
            if self._targets is not None:
                made = [row | {"label": torch.from_numpy(self._targets[row["label"]].copy())} for row in made]
            rows += made
        return rows

    def _place_of(self, draw: int) -> Place:
        if self._place is not None and self._place.first <= draw < self._place.end:
            return self._place
        return self.windows.place(draw, self.batch)

    def _open(self, place: Place) -> Task:
        if self._task is None or place != self._place:
            epochs = partial(WindowEpochs, epoch=place.epoch, window=place.window, first=place.first)
            self._task = self.make(self.windows.items(place), epochs=epochs)
            if self.vectors is not None:
                self._targets = np.load(self.windows.path(place, self.vectors), mmap_mode="r")
            self._place = place
        return self._task
