"""Find out how a text is encoded, and refuse what is none."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable
from typing import Any, BinaryIO

from tiered_st.records.rows import CURE_ENCODING, InputError

_CHUNK = 1 << 16
_BOMS = [  # UTF-32's first: UTF-16's begins like it
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"), (codecs.BOM_UTF8, "utf-8"),
]  # fmt: skip
_BINARY = {
    b"PK\x03\x04": "a zip archive or an office document", b"%PDF-": "a PDF", b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"ARROW1": "an Arrow file", b"\x93NUMPY": "a NumPy file", b"SQLite format 3\0": "an SQLite data base",
}  # fmt: skip
_TAR_AT = 257  # where a tar archive says that it is one
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\x0b\x0c\r\x1b")) + b"\x7f"
_FEW = 0.05  # of a text's first bytes may be controls; of compressed or random ones a tenth are


def encoding_of(head: bytes) -> str | None:
    """Return the encoding that the first bytes of a text show by a byte-order mark or by NUL bytes, or None."""
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    for name, width, zeros, others in [
        ("utf-32-le", 4, (2, 3), 0), ("utf-32-be", 4, (0, 1), 3), ("utf-16-le", 2, (1,), 0), ("utf-16-be", 2, (0,), 1),
    ]:  # fmt: skip
        share = min(_nuls(head[place::width]) for place in zeros)
        # Latin text has a NUL in nearly every character of UTF-16, mixed text in some, and never in the other byte.
        if share > (0.99 if width == 4 else 0.3) and _nuls(head[others::width]) < 0.01:
            return name
    return None


def refuse_binary(head: bytes, name: str) -> None:
    """Raise an InputError if a file's first bytes are not those of a text."""
    kind = next((kind for magic, kind in _BINARY.items() if head.startswith(magic)), None)
    if head[_TAR_AT : _TAR_AT + 5] == b"ustar":
        kind = "a tar archive"
    if kind is not None:
        raise InputError(f"{name}: is {kind}, not text: extract the text first")
    if encoding_of(head) in (None, "utf-8") and len(head) - len(head.translate(None, _CONTROLS)) > _FEW * len(head):
        raise InputError(f"{name}: is binary data, not text")


def as_utf8(file: BinaryIO, head: bytes, name: str, *, encoding: str | None, note: Callable[[str], None]) -> BinaryIO:
    """Return a stream of a text in UTF-8, and note the encoding where it is another.

    Args:
        file: the bytes.
        head: the first of them.
        name: what messages call it.
        encoding: what the user says it is, if anything.
        note: takes a line for the user.

    Raises:
        InputError: if ``encoding`` is not that of the byte-order mark; while reading, for bytes it does not know.
    """
    found = encoding_of(head)
    if encoding is not None:
        given = codecs.lookup(encoding).name
        if found in ("utf-8", "utf-16", "utf-32") and not given.startswith(found):
            raise InputError(f"{name}: its byte-order mark says {found}, --encoding says {encoding}: leave it out")
        found = given
    elif found not in (None, "utf-8"):
        note(f"{name}: read as {found}")
    if found in (None, "utf-8", "utf-8-sig"):
        return file
    return io.BufferedReader(_Recoded(file, name, str(found)), _CHUNK)


def is_encoding(name: str) -> bool:
    """Tell whether Python knows an encoding of texts by this name."""
    try:
        "".encode(name)  # LookupError also for codecs that are none of texts, such as hex
    except (LookupError, ValueError):
        return False
    return True


class _Recoded(io.RawIOBase):
    """Give the text of a file in UTF-8."""

    def __init__(self, file: BinaryIO, name: str, encoding: str) -> None:
        self._file, self._name, self._encoding = file, name, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._out = b""
        self._read = 0
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._out and not self._ended:
            data = self._file.read1(_CHUNK)  # type: ignore[attr-defined]
            self._ended = not data
            try:
                self._out = self._decoder.decode(data, final=self._ended).encode("utf-8")
            except UnicodeError as error:
                reason = getattr(error, "reason", error)
                where = f"within the {len(data):,} bytes behind byte {self._read:,}" if data else "at its end"
                raise InputError(f"{self._name}: is not {self._encoding} {where} ({reason}; {CURE_ENCODING})") from None
            self._read += len(data)
        part, self._out = self._out[: len(buffer)], self._out[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def _nuls(data: bytes) -> float:
    return data.count(0) / len(data) if data else 0.0
