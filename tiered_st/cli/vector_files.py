"""Write embeddings as they are computed: a .npy file of unknown length, or lines of JSON."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, TextIO

import numpy as np
from numpy.typing import NDArray

from tiered_st.files import replace_file
from tiered_st.records.rows import InputError

_HEADER = 128  # bytes; room for any number of rows, so that the count can be filled in at the end


class VectorWriter(Protocol):
    """Take embeddings block by block."""

    def write(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Append vectors (rows, dimension)."""


class NpyWriter:
    """Stream rows into a .npy file of float32, (rows, dimension)."""

    def __init__(self, file: BinaryIO, dimension: int) -> None:
        self._file = file
        self._dimension = dimension
        self._rows = 0
        self._write_header()

    def write(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Append vectors (rows, dimension); the format has no place for ids."""
        self._file.write(np.ascontiguousarray(vectors, dtype="<f4").tobytes())
        self._rows += len(vectors)

    def close(self) -> None:
        """Write the number of rows into the header."""
        self._file.seek(0)
        self._write_header()
        self._file.seek(0, os.SEEK_END)

    def _write_header(self) -> None:
        shape = (self._rows, self._dimension)
        text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
        magic = np.lib.format.magic(1, 0)
        length = _HEADER - len(magic) - 2
        self._file.write(magic + struct.pack("<H", length) + text.ljust(length - 1).encode() + b"\n")


class JsonlWriter:
    """Write one ``{"id": …, "embedding": […]}`` per line, with the digits that give the same float32 back."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Append one line per vector of (rows, dimension), and flush: a reader may be waiting."""
        for id, vector in zip(ids, vectors.tolist(), strict=True):
            numbers = ", ".join(format(value, ".9g") for value in vector)
            self._file.write(f'{{"id": {json.dumps(id)}, "embedding": [{numbers}]}}\n')
        self._file.flush()


@contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """Open a file beside ``path`` that takes its place when the block ends well, and vanishes when it does not.

    Raises:
        InputError: if ``path`` cannot be written, before the block runs.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise InputError(f"{path}: is not a regular file and cannot be replaced")
    with ExitStack() as stack:
        try:
            beside = stack.enter_context(replace_file(path, wait=0))
            file = stack.enter_context(open(beside, "wb"))
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
        yield file
