"""Read the sources of a kind one after the other, from any place that was kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from training.sources import HUB, Held, Source
from training.streams.kinds import KINDS
from training.streams.open_source import open_source, shards_of
from training.streams.row_counts import RowCounts

_TOGETHER = 1024  # rows that are taken from the stream at once


class RowReader:
    """Walk through sources, row by row, and say where the walk stands.

    Args:
        kind: one of KINDS.
        sources: what is read, in order.
        data: the folder of local tables.
        counts: how many rows a source has, asked for those with a limit.
        turn: numbers that decide about the order of each source's files; None reads them in the order of their names.
        head: rows taken of each source at most, from its beginning; 0 takes all.
        held: says which of the rows taken are held out, and left out here.
    """

    def __init__(
        self,
        kind: str,
        sources: tuple[Source, ...],
        data: Path | None,
        counts: RowCounts,
        turn: list[int] | None = None,
        head: int = 0,
        held: Held | None = None,
    ) -> None:
        self._kind, self._sources, self._data, self._counts, self._turn = KINDS[kind], sources, data, counts, turn
        self._head, self._held, self._in_sentences = head, held, kind == "documents"
        self._number = 0  # of the source
        self._kept = 0  # rows of it that met `where`
        self._taken = 0  # rows of it that `limit` left
        self._before: dict[str, Any] | None = None  # datasets' state before the rows at hand
        self._since = 0  # rows read after it

    def state(self) -> dict[str, Any]:
        """Return where the walk stands, after the last row that was yielded, as JSON can keep it."""
        return {
            "source": self._number, "kept": self._kept, "taken": self._taken, "dataset": self._before,
            "since": self._since,
        }  # fmt: skip

    def rows(self, state: dict[str, Any] | None = None) -> Iterator[list[Any]]:
        """Yield the items of each row that is taken, from the beginning or from a :meth:`state`."""
        first = state["source"] if state else 0
        for number, source in enumerate(self._sources[first:], first):
            self._number = number
            yield from self._rows_of(source, state if state and number == first else {})

    def _rows_of(self, source: Source, state: dict[str, Any]) -> Iterator[list[Any]]:
        self._kept, self._taken = state.get("kept", 0), state.get("taken", 0)
        self._before, self._since = state.get("dataset"), 0
        skip = state.get("since", 0)
        picks = self._picks(source)
        rows = open_source(source, self._data, self._order(source))
        if self._before is not None:
            rows.load_state_dict(self._before)
        for columns in rows.iter(_TOGETHER):
            names = list(columns)
            for cells in zip(*columns.values(), strict=True):
                self._since += 1
                if self._since <= skip:  # were read before
                    continue
                if self._head and self._taken == self._head:
                    return
                row = dict(zip(names, cells, strict=True))
                if not source.keeps(row):
                    continue
                self._kept += 1
                if picks is not None:
                    if self._taken == len(picks):
                        return
                    if picks[self._taken] != self._kept - 1:
                        continue
                self._taken += 1
                if self._held is not None and self._held.holds(source, row, sentences=self._in_sentences):
                    continue
                yield list(self._kind.of_row(source, row, self._taken - 1))
            skip = max(0, skip - self._since)
            self._before, self._since = rows.state_dict(), 0

    def _picks(self, source: Source) -> np.ndarray | None:
        """Return which rows a limit leaves, as a source that is read whole spreads them; None for all."""
        if not source.limit or (count := self._counts.of(source)) <= source.limit:
            return None
        return np.linspace(0, count - 1, source.limit).astype(int)

    def _order(self, source: Source) -> list[int] | None:
        if self._turn is None or source.name.startswith(HUB):
            return None
        rng = np.random.default_rng([*self._turn, self._number])
        return rng.permutation(len(shards_of(source, self._data))).tolist()
