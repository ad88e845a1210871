"""The rows that parsers of files give: a record, or a line that is broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

CURE_ENCODING = "--encoding NAME reads another one, such as cp1252"
NUL = "holds a NUL byte, which no text does"


class InputError(Exception):
    """Something the user gave cannot be used; the text is one line that names it and, where there is one, the cure."""


@dataclass(frozen=True)
class Record:
    """One text, its id, and where it was read, as in ``notes.txt:12``; and the fields that are carried along."""

    id: str
    text: str
    where: str
    fields: dict[str, Any] | None = None

    @property
    def line(self) -> int:
        """The line or row where it was read, from 1."""
        return int(self.where.rpartition(":")[2])


@dataclass(frozen=True)
class Broken:
    """Lines that hold no usable text, nearly always one, and why."""

    where: str
    reason: str
    lines: int = 1

    @property
    def line(self) -> int:
        """The line or row where it was read, from 1."""
        return int(self.where.rpartition(":")[2])


@dataclass(frozen=True)
class Columns:
    """Name the field that holds the text and, optionally, the one that holds the id.

    With ``optional`` the id is taken from its field in files that have it, and in others there is none. Fields that are
    ``carried`` along are read too; where each row has its own fields, as in JSON, one may lack them.
    """

    text: str = "text"
    id: str | None = None
    optional: bool = False
    carried: tuple[str, ...] = ()

    @property
    def required(self) -> list[str]:
        """The names of the columns that every row has to have."""
        return [self.text] if self.id is None else [self.text, self.id]

    @property
    def names(self) -> list[str]:
        """The names of the columns to read, each once."""
        return list(dict.fromkeys((*self.required, *self.carried)))

    def among(self, fields: Sequence[str]) -> Columns:
        """Return the columns to read from a file that has ``fields``: an optional id is there, or is none."""
        if not self.optional:
            return self
        found = self.id if self.id in fields and self.id != self.text else None
        return Columns(self.text, found, carried=self.carried)


Rows = Iterator[Record | Broken]


def record(row: dict[str, Any], where: str, columns: Columns) -> Record | Broken:
    """Take text and id out of a parsed row."""
    for key in columns.required:
        if key not in row:
            return Broken(where, f"field {key!r} is missing")
    text = row[columns.text]
    if not isinstance(text, str):
        return Broken(where, f"field {columns.text!r} is not text but {_kind(text)}")
    id = where if columns.id is None else row[columns.id]
    if isinstance(id, bool) or not isinstance(id, (str, int)):
        return Broken(where, f"field {columns.id!r} is not text or a whole number but {_kind(id)}")
    if id == "":
        return Broken(where, f"field {columns.id!r} is empty, where an id should be")
    fields = {name: row.get(name) for name in columns.carried} if columns.carried else None
    return Record(str(id), text, where, fields)


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    return "null" if value is None else f"a {type(value).__name__}"


def bad_utf8(error: UnicodeDecodeError) -> str:
    """Say which byte is no UTF-8, and the cure."""
    return f"invalid UTF-8 (byte 0x{error.object[error.start]:02x} at position {error.start}; {CURE_ENCODING})"
