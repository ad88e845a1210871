"""Unit vectors by row number in one file, which grows at its end and is never held whole."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES = ("float16", "int8")
BLOCK = 2048  # rows held at once: 3 MB of float32 at 384 dimensions
_SIGN, _REST = np.int32(-0x80000000), np.int32(0x0FFFE000)  # of a half, widened and in the places of a float


class RowVectors:
    """Read and append rows of float16 or int8, with a scale each.

    Rows are read, not mapped: what a search touches stays in the page cache of the system and does not become memory
    of the process. Any number of threads may read while one process appends.

    Args:
        path: The file; it must exist.
        dimension: Of a vector.
        dtype: "float16" (scores to about 1e-5) or "int8" (to about 1e-3; for vectors that are int8 already).
    """

    def __init__(self, path: Path, dimension: int, dtype: str) -> None:
        self.path, self.dimension, self.dtype = path, dimension, dtype
        kind = "<i1" if dtype == "int8" else "<f2"
        self._row: np.dtype[Any] = np.dtype([("scale", "<f4"), ("values", kind, (dimension,))])
        self.row_bytes = self._row.itemsize
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 (open as long as the index is)
        self._lock = threading.Lock()  # of the file's place, where the system cannot read without one

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def size(self) -> int:
        """Return how many whole rows are in the file, those of an unfinished `append` included."""
        return os.fstat(self._file.fileno()).st_size // self.row_bytes

    def append(self, start: int, vectors: NDArray[np.float32]) -> None:
        """Write rows from number ``start`` on, on disk when this returns; what a killed writer left there goes."""
        with open(self.path, "r+b", buffering=0) as file:
            file.truncate(start * self.row_bytes)
            file.seek(start * self.row_bytes)
            _write(file, self.packed(vectors))
            os.fsync(file.fileno())

    def packed(self, vectors: NDArray[np.float32]) -> bytes:
        """Return rows as they stand in the file."""
        packed = np.empty(len(vectors), dtype=self._row)
        if self.dtype == "int8":
            packed["values"] = np.rint(vectors * (127 / np.abs(vectors).max(axis=1, keepdims=True)))
        else:
            packed["values"] = vectors
        # By their own length, so that what is read back is a unit vector again and scores are cosines.
        packed["scale"] = 1 / np.linalg.norm(packed["values"].astype(np.float32), axis=1)
        return packed.tobytes()

    def rows(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of rows, (rows, dimension) float32."""
        data = bytearray(len(numbers) * self.row_bytes)
        view = memoryview(data)
        for place, number in enumerate(numbers.tolist()):
            at = place * self.row_bytes
            self._read_into(view[at : at + self.row_bytes], number * self.row_bytes)
        return self._unpacked(data)

    def blocks(self, start: int, stop: int, rows: int = BLOCK) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the number of the first row and the vectors, (rows, dimension) float32, of ``start`` up to ``stop``."""
        for first in range(start, stop, rows):
            data = bytearray((min(first + rows, stop) - first) * self.row_bytes)
            self._read_into(memoryview(data), first * self.row_bytes)
            yield first, self._unpacked(data)

    def _unpacked(self, data: bytearray) -> NDArray[np.float32]:
        packed = np.frombuffer(data, dtype=self._row)
        scale = packed["scale"][:, None]
        if self.dtype == "int8":
            return np.multiply(packed["values"], scale, dtype=np.float32)
        # The bits of a half in the places of a float's are 2^-112 times its value. NumPy's own conversion, which knows
        # infinities too, takes twice as long as all else that a search does with a row.
        bits = packed["values"].view(np.int16).astype(np.int32)  # (rows, dimension)
        signs = bits & _SIGN
        bits <<= 13
        bits &= _REST
        bits |= signs
        values: NDArray[np.float32] = bits.view(np.float32)
        values *= scale * np.float32(2.0**112)
        return values

    def _read_into(self, view: memoryview, offset: int) -> None:
        while len(view):
            if hasattr(os, "preadv"):
                got = os.preadv(self._file.fileno(), [view], offset)
            else:
                with self._lock:
                    self._file.seek(offset)
                    got = self._file.readinto(view) or 0
            if not got:
                raise EOFError(f"{self.path}: ends before byte {offset}")
            view, offset = view[got:], offset + got


def _write(file: Any, data: bytes) -> None:
    view = memoryview(data)
    while len(view):
        view = view[file.write(view) :]
