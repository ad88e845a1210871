"""Open windows: read them off the stream and write them for the processes that make rows."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tiered_st.files import replace_file
from training import ranks
from training.streams.kinds import KINDS
from training.streams.row_reader import RowReader
from training.streams.window_cutter import WindowCutter
from training.streams.windows import Place, Windows

logger = logging.getLogger("training")

_TURN = 60.0  # seconds that ranks wait for at once: they tell one that is at work from one that is dead


class WindowWriter:
    """Cut a stream into windows, each read once, by rank 0, for all ranks and their workers.

    Args:
        windows: where they go.
        reader: makes a reader of the sources for a walk.
        buffer: texts of a window.
        kept: windows that stay on disk, the latest; 0 keeps all. One that is met again is read again.
    """

    def __init__(self, windows: Windows, reader: Callable[[int], RowReader], buffer: int, kept: int = 0) -> None:
        self.windows, self.kept = windows, kept
        self._reader, self._buffer = reader, buffer
        self._cutter: WindowCutter | None = None
        self._at = (0, 0)  # walk and window that the cutter comes to next
        self._opened: dict[Path, None] = {}  # the latest last
        self.most = 0  # texts held at once

    def open(self, draw: int, batch: int) -> Place:
        """Make the window of a draw readable for all ranks, every one of which must call it."""
        while not ranks.agree(lambda: self._reach(draw, batch, time.monotonic() + _TURN)):
            pass
        self.windows.refresh()
        return self.windows.place(draw, batch)

    def cut_from(self, window: int) -> Iterator[list[Any]]:
        """Yield the items of the first walk's windows from a number on, without writing them: for counts."""
        while not (self.windows.layout(0).ended and window == len(self.windows.layout(0).walks)):
            yield self._cut(0, window)
            window += 1

    def _reach(self, draw: int, batch: int, until: float) -> bool:
        """Cut windows up to that of a draw, and write that one; False where time was up before."""
        found, at, items = self.windows.find(draw, batch), None, None
        while isinstance(found, int):
            if at is not None and time.monotonic() > until:
                return False
            at = found, len(self.windows.layout(found).walks)
            items = self._cut(*at)
            found = self.windows.find(draw, batch)
        path = self.windows.path(found)
        if not path.is_file():
            wanted = found.walk, found.window
            items = items if at == wanted else self._cut(*wanted)
            path.parent.mkdir(parents=True, exist_ok=True)
            with replace_file(path) as beside:
                beside.write_text(json.dumps(items), encoding="utf-8")
        self._evict(path.parent)
        return True

    def _cut(self, walk: int, window: int) -> list[Any]:
        """Return the items of a window, and add it to the layout where it is new."""
        layout = self.windows.layout(walk)
        if self._cutter is None or self._at != (walk, window):
            state = layout.states[window - 1] if window else None
            self._cutter = WindowCutter(self.windows.kind, self._reader(walk), self._buffer, state)
        items, state, ended = self._cutter.cut()
        self._at, self.most = (walk, window + 1), max(self.most, self._cutter.most)
        walks = KINDS[self.windows.kind].walks(items)
        if window == len(layout.walks):
            layout.append(walks, state, ended=ended)
            logger.info("%s: window %d, %d of them%s", self.windows.kind, window, len(items), ", the last" * ended)
        elif layout.walks[window] != walks:
            raise ValueError(
                f"Window {window} of {self.windows.folder} had {layout.walks[window]} {self.windows.kind} when it was "
                f"first read, and has {walks} now: the sources changed meanwhile. Put them back, or give a new --out."
            )
        return items

    def _evict(self, newest: Path) -> None:
        """Remove the windows that were opened longest ago, those of earlier runs first."""
        self._opened.pop(newest, None)
        self._opened[newest] = None
        if not self.kept:
            return
        standing = {path: None for path in sorted(self.windows.folder.glob("walk-*/*/"), key=_age)}
        order = [path for path in standing if path not in self._opened] + [p for p in self._opened if p in standing]
        for path in order[: max(0, len(order) - self.kept)]:
            shutil.rmtree(path, ignore_errors=True)
            self._opened.pop(path, None)


def _age(path: Path) -> float:
    return path.stat().st_mtime
