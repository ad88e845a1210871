"""A folder that stands, opened for search: one state of its files, shared by any number of threads."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.files import standing
from tiered_st.indexes.disk.exact import NOTHING, Found, best_of, cosines, nearest_of_all
from tiered_st.indexes.disk.layout import INDEX, RECORDS, VECTORS, check_sizes, config_of, read_meta
from tiered_st.indexes.disk.lists import candidates, opened
from tiered_st.indexes.disk.row_records import RowRecords, counts, removed_rows
from tiered_st.indexes.disk.row_vectors import RowVectors
from tiered_st.indexes.index_files import IndexFileError, import_faiss, written_state


class StaleFolderError(Exception):
    """Another folder has taken the place: open that one."""


class OpenFolder:
    """The files of an index on disk, which stay open though another folder takes their place.

    Args:
        path: Where the index stands, or was set aside by a writer that was killed.

    Raises:
        IndexFileError: If a file is missing, damaged or foreign; says which.
        StaleFolderError: If it was replaced meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.home = path, standing(path)
        self._written = written_state(self.home)
        self.meta = read_meta(self.home)
        self.config = config_of(self.meta)
        check_sizes(self.home, self.meta)
        self.indexed = 0 if self.config.kind == "flat" else int(self.meta["count"])  # rows that FAISS knows
        self.index: Any = opened(self.home) if self.indexed else None
        if self.index is not None and (self.index.ntotal, self.index.d) != (self.indexed, self.meta["dimension"]):
            found = f"{self.index.ntotal} vectors of {self.index.d} dimensions"
            raise IndexFileError(f"{self.home / INDEX}: holds {found}, meta.json says otherwise. Build it again.")
        self.vectors = RowVectors(self.home / VECTORS, self.meta["dimension"], self.meta["dtype"])
        self.records = RowRecords(self.home / RECORDS, self.refuse_stale)
        # Rows that were removed, and FAISS's selector of the others with the bits that it reads; replaced at once.
        self._left: tuple[NDArray[np.int64], Any] = (np.empty(0, dtype=np.int64), None)
        with self.records.snapshot() as connection:  # opened last, which is checked: all files are of one index
            next_row, _ = counts(connection)
        if not self.meta["count"] <= next_row <= self.vectors.size():
            found = f"counts {next_row:,} rows, {VECTORS} has {self.vectors.size():,} and was built of "
            cure = "The two are not of one index: restore it, or build it again."
            raise IndexFileError(f"{self.home / RECORDS}: {found}{self.meta['count']:,}. {cure}")

    def refuse_stale(self) -> None:
        """Raise StaleFolderError if another folder has taken the place."""
        if not self.is_current():
            raise StaleFolderError

    def nearest(self, connection: sqlite3.Connection, queries: NDArray[np.float32], k: int) -> list[Found]:
        """Return cosines and row numbers of the nearest ``k`` for each unit vector, (queries, dimension)."""
        next_row, removed_count = counts(connection)
        removed, alive = self._left_at(connection, removed_count)
        scanned = self._first_scanned(k)
        added = nearest_of_all(self.vectors, queries, k, start=scanned, stop=next_row, removed=removed)
        if not scanned:
            return added
        number = min(self._wanted(k), self.indexed)
        listed = candidates(self.index, queries, number, self.config, None if alive is None else alive[0])
        found = []
        for query, rows, tail in zip(queries, listed, added, strict=True):
            rows = np.sort(rows[rows >= 0])
            found.append(best_of(self._scored(query, rows), tail, k))
        return found

    def _first_scanned(self, k: int) -> int:
        """Return the first row that is compared one by one: 0 where nearly all are asked for."""
        return self.indexed if self._wanted(k) < self.indexed else 0

    def _wanted(self, k: int) -> int:
        return max(k, -(-(self.config.rerank or 0) * max(k, 10) // 10))

    def _scored(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> Found:
        return (cosines(self.vectors.rows(rows), query), rows) if len(rows) else NOTHING

    def _left_at(self, connection: sqlite3.Connection, count: int) -> tuple[NDArray[np.int64], Any]:
        """Return the rows that were removed, and a selector of the others for FAISS, as of this transaction."""
        left = self._left
        if len(left[0]) != count:  # rows are removed for good: as many are the same
            removed = removed_rows(connection)
            bits = np.ones(self.indexed, dtype=bool)
            bits[removed[removed < self.indexed]] = False
            packed = np.packbits(bits, bitorder="little")
            left = removed, None if bits.all() else (import_faiss().IDSelectorBitmap(packed), packed)
            self._left = left
        return left

    def is_current(self) -> bool:
        """Tell whether this is what stands at the place."""
        home = standing(self.path)
        return home == self.home and written_state(home) == self._written

    def close(self) -> None:
        """Close the files; FAISS's go with the index, when nobody searches it any more."""
        self.records.close()
        self.vectors.close()

    def __del__(self) -> None:
        with suppress(AttributeError):  # of what could not be opened
            self.close()
