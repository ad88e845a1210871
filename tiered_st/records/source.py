"""One open input: its bytes, decompressed and in UTF-8 whatever they were, line by line."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from tiered_st.records.compression import decompressed
from tiered_st.records.encodings import as_utf8, refuse_binary
from tiered_st.records.rows import InputError
from tiered_st.records.urls import is_url, open_url

STDIN = "-"
LINE_LIMIT = 1 << 26  # bytes of a line: bounds the memory that a file without line ends can take
_CHUNK = 1 << 16
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Source:
    """One open input.

    Attributes:
        name: what messages call it.
        file: its bytes, decompressed; in UTF-8 unless it is parquet.
        format: a key of ``FORMATS``.
        note: takes a line of text for the user about how the input is read.
        tally: counts lines that are no rows of their own, by what they are.
        wanted: says of a line by its number and bytes whether it is to be given; None for all.
    """

    name: str
    file: BinaryIO
    format: str
    note: Callable[[str], None]
    tally: Counter[str]
    wanted: Callable[[int, bytes], bool] | None = None

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield line numbers from 1 and lines, ended by LF, CRLF or CR, without a byte-order mark."""
        for number, line in enumerate(self._lines(), start=1):
            line = line.removeprefix(_BOM) if number == 1 else line
            if self.wanted is None or self.wanted(number, line):
                yield number, line

    def _lines(self) -> Iterator[bytes]:
        held: list[bytes] = []  # the pieces of a line whose end has not been read
        number, size = 1, 0
        # read1 and not read: whoever asks through a pipe waits for the answer to this line before sending the next.
        while chunk := self.file.read1(_CHUNK):  # type: ignore[attr-defined]
            if held and held[-1].endswith(b"\r"):
                if chunk.startswith(b"\n"):  # a CRLF that two chunks share
                    held.append(b"\n")
                    chunk = chunk[1:]
                yield b"".join(held)
                held, size, number = [], 0, number + 1
            pieces = chunk.splitlines(keepends=True)  # of bytes: at LF, CRLF and CR alone
            for place, piece in enumerate(pieces, start=1):
                held.append(piece)
                size += len(piece)
                if piece.endswith(b"\n") or (piece.endswith(b"\r") and place < len(pieces)):
                    yield b"".join(held)
                    held, size, number = [], 0, number + 1
                elif size > LINE_LIMIT:
                    raise InputError(f"{self.name}:{number}: a line of more than {LINE_LIMIT:,} bytes is no text")
        if held:
            yield b"".join(held)


@contextmanager
def opened(
    path: str, *, format: str | None, guess: str, encoding: str | None, note: Callable[[str], None], tally: Counter[str]
) -> Iterator[Source]:
    """Open an input, find out how it is compressed and encoded, and say so where it is unusual.

    Args:
        path: a path, a URL that fsspec opens, or "-" for standard input.
        format: a key of ``FORMATS`` that the user gave, or None.
        guess: the format its suffix stands for.
        encoding: of its text; by default by its byte-order mark or its NUL bytes, else UTF-8.
        note: see `Source`.
        tally: see `Source`.

    Raises:
        InputError: if it cannot be opened or decompressed, or is no text.
    """
    name = "stdin" if path == STDIN else path
    with opened_bytes(path) as raw:
        file = decompressed(raw, name, note)
        head = file.peek(_CHUNK)  # type: ignore[attr-defined]
        found = format or ("parquet" if head.startswith(b"PAR1") else guess)
        if found != "parquet":
            refuse_binary(head, name)
            file = as_utf8(file, head, name, encoding=encoding, note=note)
        yield Source(name, file, found, note, tally)


@contextmanager
def opened_bytes(path: str) -> Iterator[BinaryIO]:
    """Open a path or URL as bytes; an error of the operating system becomes an InputError that names it."""
    if path == STDIN:
        if sys.stdin is None:
            raise InputError("standard input is closed: give a file")
        yield sys.stdin.buffer
        return
    try:
        file = open_url(path) if is_url(os.fspath(path)) else open(path, "rb")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    with file:
        yield file
