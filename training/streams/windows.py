"""The windows of a stream as files, and which of them a draw is of."""

from __future__ import annotations

import json
from bisect import bisect_right
from itertools import accumulate, count
from pathlib import Path
from typing import Any, NamedTuple

from training.streams.kinds import KINDS
from training.streams.layout import Layout


class Place(NamedTuple):
    """The window that draws are of.

    Attributes:
        epoch: number of the walk through all the data.
        walk: number of the cut of the data into windows; the same in all epochs unless shards are shuffled.
        window: its number in the walk.
        first: first draw.
        end: first draw of the next window.
    """

    epoch: int
    walk: int
    window: int
    first: int
    end: int


class Windows:
    """Say of each draw which window it is of, and read a window's items.

    What a draw is never changes, whoever asks, in whatever process and order: windows follow each other, each good for
    as many whole batches as its items fill; the items left out are others in each epoch.

    Args:
        kind: one of KINDS.
        folder: where the windows are, or will be written by a WindowWriter.
        own_walks: whether every epoch cuts the data anew.
    """

    ITEMS = "items.json"

    def __init__(self, kind: str, folder: Path, *, own_walks: bool) -> None:
        self.kind, self.folder, self._own_walks = kind, folder, own_walks
        self._layouts: dict[int, Layout] = {}

    def layout(self, walk: int) -> Layout:
        """Return where a walk is cut, as far as it is known."""
        if walk not in self._layouts:
            self._layouts[walk] = Layout(self.folder / f"walk-{walk}.jsonl")
        return self._layouts[walk]

    def find(self, draw: int, batch: int) -> Place | int:
        """Return the place of a draw, or the number of the walk that has to be cut further to know it.

        Raises:
            ValueError: if the sources cannot fill a batch.
        """
        first = 0
        for epoch in count():
            walk = epoch if self._own_walks else 0
            layout = self.layout(walk)
            ends = list(accumulate(items // batch * batch for items in layout.walks))
            size = ends[-1] if ends else 0
            if not self._own_walks and layout.ended and size:
                epoch, first = draw // size, draw // size * size
            if draw < first + size:
                window = bisect_right(ends, draw - first)
                return Place(epoch, walk, window, first + (ends[window - 1] if window else 0), first + ends[window])
            if not layout.ended:
                return walk
            if not size:
                raise ValueError(
                    f"{sum(layout.walks)} {self.kind} in windows of at most {max(layout.walks)} cannot fill a batch of "
                    f"{batch}, in which each is met once: give more {self.kind} (those longer than their source's "
                    "`lengths` are left out), a larger buffer of the stream, or a smaller batch."
                )
            first += size
        raise AssertionError("epochs do not end")

    def refresh(self) -> None:
        """Learn of windows that another process has cut since."""
        for layout in self._layouts.values():
            layout.refresh()

    def place(self, draw: int, batch: int) -> Place:
        """Return the place of a draw whose window has been opened."""
        found = self.find(draw, batch)
        if isinstance(found, int):
            self.refresh()
            found = self.find(draw, batch)
        if isinstance(found, int):
            raise RuntimeError(f"Draw {draw} is of a window of {self.folder} that nobody has opened.")
        return found

    def path(self, place: Place, name: str = ITEMS) -> Path:
        """Return the path of a window's file."""
        return self.folder / f"walk-{place.walk}" / f"{place.window:09d}" / name

    def items(self, place: Place) -> list[Any]:
        """Return the items of a window that has been opened."""
        restore = KINDS[self.kind].restore
        return [restore(item) for item in json.loads(self.path(place).read_text(encoding="utf-8"))]
