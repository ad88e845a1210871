"""Decompress what is compressed: gzip, bzip2, xz and, where Python can, zstd; known by its first bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from tiered_st.records.rows import InputError

SUFFIXES = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
_CHUNK = 1 << 16
_PIECE = 1 << 12  # bytes of a frame decompressed at once: bounds what a line of zeros takes


def decompressed(file: BinaryIO, name: str, note: Callable[[str], None]) -> BinaryIO:
    """Return a stream of what ``file`` holds, decompressed if its first bytes say that it is compressed.

    Raises:
        InputError: if zstd is not to be had; while reading, if the data are damaged or end early.
    """
    if not hasattr(file, "peek"):
        file = io.BufferedReader(file)  # type: ignore[type-var]
    head = file.peek(_CHUNK)  # type: ignore[attr-defined]
    for magic, kind, reader in _KINDS:
        if head.startswith(magic):
            return io.BufferedReader(_Checked(reader(file, name), name, kind), _CHUNK)
    if head and (kind := SUFFIXES.get(Path(name).suffix.lower(), "")):
        note(f"{name}: is not {kind}, whatever its name says: read as it is")
    return file


class _Checked(io.RawIOBase):
    """Pass bytes on from a decompressor whose errors become one that names the file."""

    def __init__(self, file: Any, name: str, kind: str) -> None:
        self._file, self._name, self._kind = file, name, kind

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._file.read1(len(buffer))
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise InputError(f"{self._name}: damaged or cut short {self._kind} data ({error})") from None
        buffer[: len(data)] = data
        return len(data)


class _FrameReader:
    """Read frames, one behind the other, with zeros between them that only fill up.

    The readers of bz2, lzma and zstandard take a cut file, or one with something else behind its frames, for a whole
    one that ends there: lines would be missing without a word.
    """

    def __init__(self, file: BinaryIO, new_frame: Callable[[], Any], error: type[Exception]) -> None:
        self._file, self._new_frame, self._error = file, new_frame, error
        self._frame: Any = None
        self._rest = b""  # of what was read, behind the end of a frame
        self._out = b""  # decompressed and not yet asked for

    def read1(self, size: int) -> bytes:
        """Return some bytes, none at the end."""
        while not self._out:
            data = self._rest or self._file.read(_PIECE)
            if self._frame is None and data:
                data, self._rest = data.lstrip(b"\0"), b""
                if not data:
                    continue
            if not data and self._frame is not None:
                raise EOFError("its last frame has no end")
            if not data:
                return b""
            self._frame = self._frame or self._new_frame()
            try:
                self._out = self._frame.decompress(data)
            except self._error as error:
                raise OSError(str(error)) from None
            self._rest = b""
            if self._frame.eof:
                self._rest, self._frame = self._frame.unused_data, None
        part, self._out = self._out[:size], self._out[size:]
        return part


def _zstd(name: str) -> tuple[Callable[[], Any], type[Exception]]:
    """Return what makes a decompressor of one frame, and the error it raises."""
    try:
        module = import_module("compression.zstd")  # Python 3.14
        return module.ZstdDecompressor, module.ZstdError
    except ImportError:
        pass
    try:
        module = import_module("zstandard")
    except ImportError:
        raise InputError(f"{name}: is compressed with zstd: pip install zstandard, or decompress it first") from None
    return lambda: module.ZstdDecompressor().decompressobj(), module.ZstdError


_KINDS: list[tuple[bytes, str, Callable[[BinaryIO, str], Any]]] = [
    (b"\x1f\x8b", "gzip", lambda file, name: gzip.GzipFile(fileobj=file)),
    (b"BZh", "bzip2", lambda file, name: _FrameReader(file, bz2.BZ2Decompressor, OSError)),
    (b"\xfd7zXZ\0", "xz", lambda file, name: _FrameReader(file, lzma.LZMADecompressor, lzma.LZMAError)),
    (b"\x28\xb5\x2f\xfd", "zstd", lambda file, name: _FrameReader(file, *_zstd(name))),
]
