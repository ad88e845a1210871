"""Remember where the windows of a stream are cut."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Layout:
    """Keep, for each window of one walk through the sources, its draws and the reader's state behind it.

    Written by one process, a line for each window, and read by others that meet draws of new windows.

    Attributes:
        walks: how many draws the items of each window are good for.
        states: the reader's state behind each window, from which the next one is read.
        ended: whether the last window is the stream's last.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.walks: list[int] = []
        self.states: list[dict[str, Any]] = []
        self.ended = False
        self._read = 0  # bytes
        self.refresh()

    def refresh(self) -> None:
        """Read what was added; a line that a kill tore off is not there yet."""
        if self.ended or not self.path.is_file():
            return
        with self.path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._take(json.loads(line))
                self._read += len(line)

    def append(self, walk: int, state: dict[str, Any], *, ended: bool) -> None:
        """Add a window; only what is written counts."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"walk": walk, "state": state, "ended": ended}).encode() + b"\n"
        with self.path.open("r+b" if self.path.exists() else "wb") as file:
            file.truncate(self._read)  # what a kill tore off
            file.seek(self._read)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._read += len(line)
        self._take(json.loads(line))

    def _take(self, line: dict[str, Any]) -> None:
        self.walks.append(line["walk"])
        self.states.append(line["state"])
        self.ended = line["ended"]
