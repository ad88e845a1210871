"""What is read from and written to an open folder, each in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.indexes.disk.layout import check_digests
from tiered_st.indexes.disk.open_folder import OpenFolder
from tiered_st.indexes.disk.row_records import (
    TakenIds,
    append,
    counts,
    drop,
    next_number,
    records_after,
    records_of,
)
from tiered_st.indexes.hit import Hit
from tiered_st.indexes.index_files import Record
from tiered_st.indexes.records import known_rows, numbered

IDS = 4096  # read at once


def hits(queries: NDArray[np.float32], k: int, folder: OpenFolder) -> list[list[Hit]]:
    """Return the hits of unit vectors, (queries, dimension)."""
    with folder.records.snapshot() as connection:
        found = folder.nearest(connection, queries, k)
        wanted = {row for _, rows in found for row in rows.tolist()}
        records = records_of(connection, sorted(wanted))
    answers = []
    for scores, rows in found:
        pairs = zip(scores.tolist(), (records[row] for row in rows.tolist()), strict=True)
        answers.append([Hit(id, score, text or "") for score, (id, text) in pairs])
    return answers


def number_chunk(chunk: Sequence[Any], start: int, folder: OpenFolder) -> list[Record]:
    """Check a chunk that is to be added, and give each text its id; see `numbered`."""
    with folder.records.snapshot() as connection:
        return numbered(chunk, start, rows=TakenIds(connection), next_row=next_number(connection))


def append_chunk(chunk: Sequence[Any], start: int, vectors: NDArray[np.float32], folder: OpenFolder) -> None:
    """Add a chunk; called by the only writer. Vectors come first: rows that no record counts are not there."""
    with folder.records.change() as connection:
        given = numbered(chunk, start, rows=TakenIds(connection), next_row=next_number(connection))
        first, _ = counts(connection)
        folder.vectors.append(first, vectors)
        rows = [(row, id, text) for row, (_, id, text) in enumerate(given, first)]
        append(connection, rows, first + len(rows), given[-1][0] + 1)


def remove_ids(ids: Sequence[str], folder: OpenFolder) -> None:
    """Remove records, or none where an id is unknown; called by the only writer."""
    with folder.records.change() as connection:
        drop(connection, known_rows(ids, TakenIds(connection)))


def count(folder: OpenFolder) -> int:
    """Return how many records there are."""
    with folder.records.snapshot() as connection:
        return len(TakenIds(connection))


def holds(id: str, folder: OpenFolder) -> bool:
    """Tell whether there is such an id."""
    with folder.records.snapshot() as connection:
        return id in TakenIds(connection)


def text_of(id: str, folder: OpenFolder) -> str | None:
    """Return the text of an id, None where it came without; KeyError if it is unknown."""
    with folder.records.snapshot() as connection:
        row = TakenIds(connection).get(id)
        if row is None:
            raise KeyError(f"unknown id: {id!r}")
        return records_of(connection, [row])[row][1]


def ids_after(row: int, folder: OpenFolder) -> list[tuple[int, str]]:
    """Return some rows behind ``row`` with their ids, in order."""
    with folder.records.snapshot() as connection:
        return [(row, id) for row, id, _ in records_after(connection, row, IDS)]


def sorted_ids_after(id: str | None, folder: OpenFolder) -> list[str]:
    """Return some ids behind ``id`` in order, or the first ones."""
    with folder.records.snapshot() as connection:
        return TakenIds(connection).sorted_after(id, IDS)


def verify(folder: OpenFolder) -> None:
    """Raise IndexFileError for a damaged file; reads all of them."""
    with folder.records.snapshot() as connection:
        changed = counts(connection) != (folder.meta["count"], 0)
        check_digests(folder.home, folder.meta, changed=changed)
    folder.records.verify()


def facts(folder: OpenFolder) -> dict[str, Any]:
    """Return what there is to know of an index, as JSON-ready types."""
    with folder.records.snapshot() as connection:
        next_row, removed = counts(connection)
    meta = folder.meta
    return {
        "count": next_row - removed,
        "added": next_row - meta["count"],  # since it was built; compared one by one
        "removed": removed,
        "dimension": meta["dimension"],
        "dtype": meta["dtype"],
        "config": meta["config"],
        "recall": meta["recall"],
        "model": meta["model_name"],
        "fingerprint": meta["model_fingerprint"],
        "bytes_on_disk": sum(file.stat().st_size for file in folder.home.iterdir() if file.is_file()),
    }
