"""Read texts from files or standard input, one after the other, and account for every line that holds none."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from tiered_st.records.formats import FORMATS
from tiered_st.records.rows import Broken, Columns, InputError, Record

STDIN = "-"
SUFFIXES = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip


def guess_format(source: str) -> str:
    """Return the format a file's suffix stands for; anything unknown is lines of text."""
    return SUFFIXES.get(Path(source).suffix.lower(), "text")


class RecordReader:
    """Iterate over the records of several files in bounded memory.

    Args:
        sources: paths; "-" is standard input.
        format: a key of ``FORMATS`` for all sources; by default what each suffix says.
        columns: the fields that hold text and id. Without an id field a record is known as ``file:line``.
        skip: pass over broken lines instead of raising.
        report: called with one line of text per broken line passed over.

    Attributes:
        read: records given out so far.
        skipped: broken lines passed over so far.
    """

    def __init__(
        self,
        sources: Sequence[str],
        *,
        format: str | None = None,
        columns: Columns | None = None,
        skip: bool = False,
        report: Callable[[str], None] | None = None,
    ) -> None:
        if format is not None and format not in FORMATS:
            raise ValueError(f"format={format!r} is not one of {', '.join(FORMATS)}.")
        self.sources = list(sources)
        self.format = format
        self.columns = columns or Columns()
        self.skip = skip
        self.read = 0
        self.skipped = 0
        self._report = report or (lambda line: None)

    def check(self) -> None:
        """Raise an InputError now, before hours of work, if a source is not there or cannot be read."""
        if self.sources.count(STDIN) > 1:
            raise InputError("standard input (-) is given twice, but it can be read only once")
        for source in self.sources:
            if source == STDIN:
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
        for source in self.sources:
            parse = FORMATS[self.format or guess_format(source)]
            name = "stdin" if source == STDIN else source
            with _opened(source) as file:
                for row in parse(file, name, self.columns):
                    if isinstance(row, Broken):
                        self.reject(row.where, row.reason)
                    else:
                        self.read += 1
                        yield row

    def reject(self, where: str, reason: str) -> None:
        """Count and report a broken line, or raise where broken lines are fatal."""
        if not self.skip:
            raise InputError(f"{where}: {reason} (--on-error skip passes over such lines)")
        self.skipped += 1
        self._report(f"{where}: skipped: {reason}")


@contextmanager
def _opened(source: str) -> Iterator[BinaryIO]:
    """Open a source as bytes; an error of the operating system becomes an InputError that names it."""
    if source == STDIN:
        yield sys.stdin.buffer
        return
    try:
        file = open(source, "rb")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise InputError(f"{source}: {error.strerror}") from None
    with file:
        yield file


def blocks(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    """Yield lists of ``size`` records, the last one shorter."""
    while block := list(islice(records, size)):
        yield block
