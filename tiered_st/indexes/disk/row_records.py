"""Ids and texts by row number in SQLite, and the truth about which rows there are."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from tiered_st.indexes.index_files import IndexFileError

TextRecord = tuple[int, str, str | None]  # row number, id, text where there is one
WAIT = 60.0  # seconds for another process's transaction, which takes milliseconds
# Bytes, for SQLite's own texts hold no lone surrogates; no AUTOINCREMENT: `state` counts rows, removed ones included.
_TABLES = """
CREATE TABLE records (row INTEGER PRIMARY KEY, id BLOB NOT NULL, text BLOB);
CREATE TABLE removed (row INTEGER PRIMARY KEY);
CREATE TABLE state (next_row INTEGER NOT NULL, removed INTEGER NOT NULL, next_number INTEGER NOT NULL);
INSERT INTO state VALUES (0, 0, 0);
"""
_MOST = 500  # values in one statement; older SQLite takes 999


class RowRecords:
    """Read and change the records of an index on disk.

    Whoever reads within `snapshot` sees one state, whatever other threads and processes commit meanwhile. A change is
    on disk when `change` returns, and a killed one is undone by who opens the file next.

    Args:
        path: The database; it must exist.
        unchanged: Called after it was opened anew; raises if it is not the one any more that this is of.
    """

    def __init__(self, path: Path, unchanged: Callable[[], None] = lambda: None) -> None:
        self.path, self._unchanged = path, unchanged
        self._free: list[sqlite3.Connection] = []
        self._process = os.getpid()
        self._lock = threading.Lock()  # of the list

    @staticmethod
    def create(path: Path) -> None:
        """Write a database without records; `index_ids` completes it."""
        with _connected(path) as connection:
            connection.executescript(_TABLES)

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection within a transaction that reads."""
        with self._transaction("BEGIN") as connection:
            connection.execute("SELECT next_row FROM state").fetchone()  # takes the lock: BEGIN alone does not
            yield connection

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection within a transaction that writes, which an error undoes."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    def verify(self) -> None:
        """Raise IndexFileError if SQLite finds its file damaged; reads all of it."""
        with self.snapshot() as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise IndexFileError(f"{self.path}: is damaged ({found}). Restore the index, or build it again.")

    def close(self) -> None:
        """Close what is not in use."""
        with self._lock:
            free, self._free = self._free, []
        for connection in free if self._process == os.getpid() else ():
            connection.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        connection = self._taken()
        try:
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.DatabaseError as err:
            connection.close()
            raise _unusable(self.path, err) from err
        except BaseException:
            self._give_back(connection)
            raise
        self._give_back(connection)

    def _taken(self) -> sqlite3.Connection:
        with self._lock:
            if self._process != os.getpid():  # SQLite's connections are not to be carried into a forked process
                _ABANDONED.extend(self._free)
                self._free, self._process = [], os.getpid()
            if self._free:
                return self._free.pop()
        connection = _connect(self.path)
        try:
            self._unchanged()
        except BaseException:
            connection.close()
            raise
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            self._free.append(connection)


class TakenIds(Mapping[str, int]):
    """The row number of every id in a transaction, looked up one by one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getitem__(self, id: str) -> int:
        found = self._connection.execute("SELECT row FROM records WHERE id = ?", (as_bytes(id),)).fetchone()
        if found is None:
            raise KeyError(id)
        return int(found[0])

    def __iter__(self) -> Iterator[str]:
        return (as_text(id) for (id,) in self._connection.execute("SELECT id FROM records ORDER BY row"))

    def sorted_after(self, id: str | None, most: int) -> list[str]:
        """Return the ids behind ``id`` (or all) in order of their bytes, which is that of code points."""
        behind, values = ("", (most,)) if id is None else ("WHERE id > ?", (as_bytes(id), most))
        found = self._connection.execute(f"SELECT id FROM records {behind} ORDER BY id LIMIT ?", values)
        return [as_text(id) for (id,) in found]

    def __len__(self) -> int:
        return int(self._connection.execute("SELECT next_row - removed FROM state").fetchone()[0])


def counts(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return the next row's number, and how many rows below it were removed."""
    next_row, removed = connection.execute("SELECT next_row, removed FROM state").fetchone()
    return int(next_row), int(removed)


def next_number(connection: sqlite3.Connection) -> int:
    """Return the number that the next text without an id gets as its id, where that is free."""
    return int(connection.execute("SELECT next_number FROM state").fetchone()[0])


def removed_rows(connection: sqlite3.Connection) -> NDArray[np.int64]:
    """Return the numbers of removed rows, rising."""
    rows = connection.execute("SELECT row FROM removed ORDER BY row")
    return np.fromiter((row for (row,) in rows), dtype=np.int64)


def records_of(connection: sqlite3.Connection, rows: Iterable[int]) -> dict[int, tuple[str, str | None]]:
    """Return id and text by row number."""
    wanted, found = list(rows), {}
    for start in range(0, len(wanted), _MOST):
        some = wanted[start : start + _MOST]
        marks = ", ".join("?" * len(some))
        for row, id, text in connection.execute(f"SELECT row, id, text FROM records WHERE row IN ({marks})", some):
            found[row] = (as_text(id), None if text is None else as_text(text))
    return found


def records_after(connection: sqlite3.Connection, row: int, most: int) -> list[TextRecord]:
    """Return the records behind ``row`` in order, ``most`` of them at most."""
    found = connection.execute("SELECT row, id, text FROM records WHERE row > ? ORDER BY row LIMIT ?", (row, most))
    return [(row, as_text(id), None if text is None else as_text(text)) for row, id, text in found]


def append(connection: sqlite3.Connection, records: Iterable[TextRecord], next_row: int, next_number: int = 0) -> None:
    """Add records, of rows below ``next_row``; a text without an id is given ``next_number`` next, or what is free."""
    rows = ((row, as_bytes(id), None if text is None else as_bytes(text)) for row, id, text in records)
    connection.executemany("INSERT INTO records VALUES (?, ?, ?)", rows)
    connection.execute("UPDATE state SET next_row = ?, next_number = ?", (next_row, max(next_row, next_number)))


def drop(connection: sqlite3.Connection, rows: Sequence[int]) -> None:
    """Remove records by row number."""
    numbers = [(row,) for row in rows]
    connection.executemany("DELETE FROM records WHERE row = ?", numbers)
    connection.executemany("INSERT INTO removed VALUES (?)", numbers)
    connection.execute("UPDATE state SET removed = removed + ?", (len(numbers),))


def fill(path: Path, records: Iterable[list[TextRecord]], next_number: int = 0) -> None:
    """Write blocks of records into a database that nobody else reads yet, and index their ids.

    Raises:
        ValueError: If an id comes twice; says which.
    """
    with _connected(path) as connection:
        connection.execute("PRAGMA journal_mode = OFF")  # it is put in place whole, or not at all
        connection.execute("PRAGMA synchronous = OFF")
        for block in records:
            connection.execute("BEGIN")
            append(connection, block, block[-1][0] + 1)
            connection.execute("COMMIT")
        connection.execute("UPDATE state SET next_number = max(next_number, ?)", (next_number,))
        connection.execute("PRAGMA journal_mode = DELETE")
        try:
            connection.execute("CREATE UNIQUE INDEX ids ON records (id)")  # at once: sorted, in bounded memory
        except sqlite3.IntegrityError:
            twice = "SELECT id FROM records GROUP BY id HAVING count(*) > 1 LIMIT 1"
            (id,) = connection.execute(twice).fetchone()
            raise ValueError(f"the id {as_text(id)!r} comes twice: give every row an id of its own") from None


def as_bytes(text: str) -> bytes:
    """Return UTF-8 that keeps lone surrogates."""
    return text.encode("utf-8", "surrogatepass")


def as_text(data: bytes) -> str:
    """Return what `as_bytes` was given."""
    return data.decode("utf-8", "surrogatepass")


_ABANDONED: list[sqlite3.Connection] = []  # of a parent process; closing them here could drop its locks


def _connect(path: Path) -> sqlite3.Connection:
    # Read and write where that is allowed: who opens it after a kill has to undo what was not committed.
    mode = "rw" if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK) else "ro"
    try:
        uri = f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, timeout=WAIT, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")
        return connection
    except sqlite3.DatabaseError as err:
        raise _unusable(path, err) from err


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    path.touch()
    connection = _connect(path)
    try:
        yield connection
    finally:
        connection.close()


def _unusable(path: Path, err: sqlite3.Error) -> IndexFileError | TimeoutError:
    if "locked" in str(err):
        return TimeoutError(f"{path}: another process has it locked, for {WAIT:g} s now. Wait for its end, or stop it.")
    return IndexFileError(f"{path}: SQLite cannot read it ({err}). Restore the index, or build it again.")
