"""The rows that parsers of text files give: a record, or a line that is broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

_BOM = b"\xef\xbb\xbf"


class InputError(Exception):
    """Something the user gave cannot be used; the text is one line that names it and, where there is one, the cure."""


@dataclass(frozen=True)
class Record:
    """One text, its id, and where it was read, as in ``notes.txt:12``."""

    id: str
    text: str
    where: str


@dataclass(frozen=True)
class Broken:
    """One line that holds no usable text, and why."""

    where: str
    reason: str


@dataclass(frozen=True)
class Columns:
    """Name the field that holds the text and, optionally, the one that holds the id."""

    text: str = "text"
    id: str | None = None

    @property
    def names(self) -> list[str]:
        return [self.text] if self.id is None else [self.text, self.id]


Rows = Iterator[Record | Broken]


def numbered(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield line numbers from 1 and lines, without the byte-order mark some editors write."""
    for number, line in enumerate(file, start=1):
        yield number, line.removeprefix(_BOM) if number == 1 else line


def record(row: dict[str, Any], where: str, columns: Columns) -> Record | Broken:
    """Take text and id out of a parsed row."""
    for key in columns.names:
        if key not in row:
            return Broken(where, f"field {key!r} is missing")
    text = row[columns.text]
    if not isinstance(text, str):
        return Broken(where, f"field {columns.text!r} is not text but {_kind(text)}")
    id = where if columns.id is None else row[columns.id]
    if isinstance(id, bool) or not isinstance(id, (str, int)):
        return Broken(where, f"field {columns.id!r} is not text or a whole number but {_kind(id)}")
    return Record(str(id), text, where)


def _kind(value: Any) -> str:
    return "null" if value is None else f"a {type(value).__name__}"


def bad_utf8(error: UnicodeDecodeError) -> str:
    return f"invalid UTF-8 (byte 0x{error.object[error.start]:02x} at position {error.start})"
