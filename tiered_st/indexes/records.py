"""What belongs to a vector: its row number, id and text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tiered_st.indexes.index_files import Record
from tiered_st.indexes.index_inputs import cure_for


class Records:
    """The ids and texts of an index by row number, in order of insertion.

    Row numbers rise and are not used again after a removal. Nothing is locked here: whoever changes vectors and
    records together holds the lock of both.
    """

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}  # id → row number
        self.texts: dict[int, tuple[str, str]] = {}  # row number → (id, text)
        self.next_row = 0

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Record]:
        return ((row, id, text) for row, (id, text) in self.texts.items())

    def copy(self) -> Records:
        """Return records that change on their own."""
        again = Records()
        again.rows, again.texts, again.next_row = dict(self.rows), dict(self.texts), self.next_row
        return again

    def numbered(self, chunk: Sequence[Any], start: int) -> list[Record]:
        """Check a chunk of what is to be added, and give each text its row number and id: see `numbered`."""
        return numbered(chunk, start, rows=self.rows, next_row=self.next_row)

    def store(self, records: Sequence[Record], *, next_row: int = 0) -> None:
        """Append records whose rows are numbered; `next_row` is given where the last ones have been removed."""
        for row, id, text in records:
            self.rows[id], self.texts[row] = row, (id, text)
            self.next_row = row + 1
        self.next_row = max(self.next_row, next_row)

    def rows_of(self, ids: Sequence[str]) -> list[int]:
        """Return row numbers; a KeyError names up to ten ids that are unknown."""
        return known_rows(ids, self.rows)

    def text(self, id: str) -> str:
        """Return the text of an id; KeyError if it is unknown."""
        if id not in self.rows:
            raise KeyError(f"unknown id: {id!r}")
        return self.texts[self.rows[id]][1]

    def drop(self, ids: Sequence[str]) -> None:
        """Forget known ids and their texts."""
        for id in ids:
            del self.texts[self.rows.pop(id)]


def known_rows(ids: Sequence[str], rows: Mapping[str, int]) -> list[int]:
    """Return the row numbers of ids; a KeyError names up to ten that are unknown."""
    found = [rows.get(id) for id in ids]
    if unknown := [id for id, row in zip(ids, found, strict=True) if row is None]:
        raise KeyError(f"unknown ids: {', '.join(map(repr, unknown[:10]))} ({len(unknown)} in all)")
    return [row for row in found if row is not None]


def numbered(chunk: Sequence[Any], start: int, *, rows: Mapping[str, int], next_row: int) -> list[Record]:
    """Check a chunk of what is to be added, and give each text its row number and id; keep nothing.

    Args:
        chunk: Texts or (id, text) pairs. A bare text gets its row number as id.
        start: The place of the first among all that are added, for messages.
        rows: The row number of every id that is taken.
        next_row: The first number that no row has had.

    Raises:
        ValueError: For an id that is taken, or what is no text or pair of strings; says which.
    """
    found: dict[str, Record] = {}
    row = next_row
    for place, record in enumerate(chunk, start):
        while isinstance(record, str) and (str(row) in found or str(row) in rows):
            row += 1  # someone's own id
        pair = (str(row), record) if isinstance(record, str) else record
        is_pair = isinstance(pair, (tuple, list)) and len(pair) == 2
        if not is_pair or not all(isinstance(part, str) for part in pair):
            cure = cure_for(pair[1] if is_pair else pair)
            raise ValueError(f"record {place}: expected a text or an (id, text) pair, got {record!r:.80}{cure}")
        id, text = map(str, pair)  # of numpy's strings too
        if (taken := found[id][0] if id in found else rows.get(id)) is not None:
            cure = ": texts without an id get such numbers, so give every text one" if id == str(taken) else ""
            raise ValueError(f"record {place}: duplicate id {id!r}{cure}")
        found[id] = (row, id, text)
        row += 1
    return list(found.values())
