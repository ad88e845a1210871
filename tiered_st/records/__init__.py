"""Read texts from files or standard input, one after the other, and account for every line that holds none."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from tiered_st.records.compression import SUFFIXES as COMPRESSED
from tiered_st.records.formats import FORMATS
from tiered_st.records.rows import Broken, Columns, InputError, Record
from tiered_st.records.source import STDIN, opened
from tiered_st.records.urls import is_url

SUFFIXES = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip


def guess_format(source: str) -> str:
    """Return the format a file's suffix stands for, before that of a compression; anything unknown is lines of text."""
    path = Path(source)
    path = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    return SUFFIXES.get(path.suffix.lower(), "text")


class RecordReader:
    """Iterate over the records of several files in bounded memory.

    Args:
        sources: paths, or URLs that fsspec opens; "-" is standard input.
        format: a key of ``FORMATS`` for all sources; by default what each suffix says.
        columns: the fields that hold text and id. Without an id field a record is known as ``file:line``.
        skip: pass over broken lines instead of raising.
        encoding: of all sources; by default by byte-order mark or NUL bytes, else UTF-8.
        report: called with one line of text per broken line passed over.
        note: called with one line of text about how a source is read, where that may surprise.

    Attributes:
        read: records given out so far.
        skipped: broken lines passed over so far.
        tally: lines that are no rows of their own, by what they are: blank, inside quoted fields.
    """

    def __init__(
        self,
        sources: Sequence[str],
        *,
        format: str | None = None,
        columns: Columns | None = None,
        skip: bool = False,
        encoding: str | None = None,
        report: Callable[[str], None] | None = None,
        note: Callable[[str], None] | None = None,
    ) -> None:
        if format is not None and format not in FORMATS:
            raise ValueError(f"format={format!r} is not one of {', '.join(FORMATS)}.")
        self.sources = list(sources)
        self.format = format
        self.columns = columns or Columns()
        self.skip = skip
        self.read = 0
        self.skipped = 0
        self.tally: Counter[str] = Counter()
        self._encoding = encoding
        self._report = report or (lambda line: None)
        self._note = note or (lambda line: None)

    def check(self) -> None:
        """Raise an InputError now, before hours of work, if a source is not there or cannot be read."""
        if self.sources.count(STDIN) > 1:
            raise InputError("standard input (-) is given twice, but it can be read only once")
        for source in self.sources:
            if source == STDIN or is_url(os.fspath(source)):
                continue
            # Not by opening it: that would use up a named pipe.
            if not os.path.exists(source):
                raise InputError(f"{source}: no such file")
            if os.path.isdir(source):
                raise InputError(f"{source}: is a folder, give the files in it")
            if not os.access(source, os.R_OK):
                raise InputError(f"{source}: permission denied")

    def __iter__(self) -> Iterator[Record]:
        """Yield the records of all sources in order.

        Raises:
            InputError: for a source that cannot be read and, unless ``skip``, for a broken line.
        """
        for path in self.sources:
            before = self.read + self.skipped
            with opened(
                path, format=self.format, guess=guess_format(path), encoding=self._encoding,
                note=self._note, tally=self.tally,
            ) as source:  # fmt: skip
                for row in FORMATS[source.format](source, self.columns):
                    if isinstance(row, Broken):
                        self.reject(row.where, row.reason, row.lines)
                    else:
                        self.read += 1
                        yield row
            if self.read + self.skipped == before:
                self._note(f"{source.name}: holds no text")

    def reject(self, where: str, reason: str, lines: int = 1) -> None:
        """Count and report broken lines, or raise where broken lines are fatal."""
        if not self.skip:
            raise InputError(f"{where}: {reason} (--on-error skip passes over such lines)")
        self.skipped += lines
        self._report(f"{where}: skipped: {reason}")


def blocks(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    """Yield lists of ``size`` records, the last one shorter."""
    while block := list(islice(records, size)):
        yield block
