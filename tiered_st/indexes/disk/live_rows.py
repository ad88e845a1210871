"""What an index on disk holds, as the source of another."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiered_st.indexes.disk.open_folder import OpenFolder
from tiered_st.indexes.disk.row_records import counts, records_after, removed_rows


@dataclass(frozen=True)
class _Rows:
    """Some rows: ids, vectors (rows, dimension), and texts where all have theirs."""

    ids: list[str]
    vectors: NDArray[np.float32]
    texts: list[str | None]


class LiveRows:
    """The rows of an index that were not removed, in order, as of one transaction.

    Args:
        folder: The index.
        connection: The transaction.
    """

    def __init__(self, folder: OpenFolder, connection: sqlite3.Connection) -> None:
        self._folder, self._connection = folder, connection
        self._removed = removed_rows(connection)
        self.count = counts(connection)[0] - len(self._removed)
        self.dimension: int = folder.vectors.dimension
        self.dtype = folder.vectors.dtype

    def blocks(self, rows: int) -> Iterator[_Rows]:
        """Yield all rows in order, at most ``rows`` at once."""
        last = -1
        while some := records_after(self._connection, last, rows):
            numbers, ids, texts = map(list, zip(*some, strict=True))
            yield _Rows(ids, self._folder.vectors.rows(np.array(numbers, dtype=np.int64)), texts)
            last = numbers[-1]

    def sample(self, rows: int, seed: int) -> NDArray[np.float32]:
        """Return vectors of rows drawn at random, (min(rows, count), dimension)."""
        drawn = np.random.default_rng(seed).choice(self.count, min(rows, self.count), replace=False, shuffle=False)
        drawn.sort()
        # The n-th row that is left has n + m as its number, where m removed ones stand before it.
        before = self._removed - np.arange(len(self._removed))
        return self._folder.vectors.rows(drawn + np.searchsorted(before, drawn, side="right"))
