"""Cut a stream of rows into windows."""

from __future__ import annotations

from typing import Any, NamedTuple

from training.streams.kinds import KINDS
from training.streams.row_reader import RowReader


class Cut(NamedTuple):
    """A window: its items, the reader's state behind it, and whether it is the last."""

    items: list[Any]
    state: dict[str, Any]
    ended: bool


class WindowCutter:
    """Cut what a reader yields into windows, of which one is held, and half of the next.

    A window ends with the row that fills it; what is left at the end is a window of its own if it fills half of one,
    and is of the last window otherwise: a window of a few texts would shuffle nothing.

    Attributes:
        most: the most texts that were held at once.
    """

    def __init__(self, kind: str, reader: RowReader, buffer: int, state: dict[str, Any] | None = None) -> None:
        self._kind, self._reader, self._buffer = kind, reader, buffer
        self._rows = reader.rows(state)
        self._ahead = _Held(kind)  # read of the next window
        self.most = 0

    def cut(self) -> Cut:
        """Return the next window; nothing may be in it where the stream is empty."""
        window, self._ahead = self._ahead, _Held(self._kind)
        ended = not self._fill(window, self._buffer)
        state = self._reader.state()
        if not ended and not self._fill(self._ahead, (self._buffer + 1) // 2):
            ended = True
            self.most = max(self.most, window.texts + self._ahead.texts)
            window.add(self._ahead.items())
            self._ahead = _Held(self._kind)
        self.most = max(self.most, window.texts + self._ahead.texts)
        return Cut(window.items(), state, ended)

    def _fill(self, held: _Held, texts: int) -> bool:
        """Read rows until so many texts are held; return whether there were as many."""
        while held.texts < texts:
            if (row := next(self._rows, None)) is None:
                return False
            held.add(row)
        return True


class _Held:
    """Items, each once where the kind tells equal ones apart."""

    def __init__(self, kind: str) -> None:
        self._kind = KINDS[kind]
        self._items: dict[Any, None] | list[Any] = {} if self._kind.distinct else []
        self.texts = 0

    def add(self, items: list[Any]) -> None:
        for item in items:
            if isinstance(self._items, list):
                self._items.append(item)
            elif item not in self._items:
                self._items[item] = None
            else:
                continue
            self.texts += self._kind.fills(item)

    def items(self) -> list[Any]:
        return list(self._items)
