"""Lay text out for a terminal: clip to a width, colour, and never pass on control characters."""

from __future__ import annotations

import os
import shutil
import unicodedata
from typing import TextIO

COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
PIPE_WIDTH = 120  # columns where there is no terminal to ask
_UNSHOWN = ("Cc", "Cs", "Co", "Cn")  # control, surrogate, private, unassigned
_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # reorder whatever follows on the line


def terminal_width(stream: TextIO) -> int:
    """Return the columns of the terminal behind ``stream``, or PIPE_WIDTH."""
    return shutil.get_terminal_size().columns if stream.isatty() else PIPE_WIDTH


def one_line(text: str) -> str:
    """Join the lines of ``text`` and drop control characters: a text must not be able to steer the terminal."""
    joined = " ".join(text.split())
    if joined.isprintable():
        return joined
    return "".join(char for char in joined if unicodedata.category(char) not in _UNSHOWN and char not in _BIDI)


def width_of(text: str) -> int:
    """Return the columns ``text`` takes: two for wide characters, none for combining marks."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def clip(text: str, width: int) -> str:
    """Shorten one line to at most ``width`` columns, ending in "…" where something was cut."""
    text = one_line(text)
    if width_of(text) <= width:
        return text
    used, kept = 0, 0
    while kept < len(text) and used + _columns(text[kept]) <= width - 1:
        used += _columns(text[kept])
        kept += 1
    return text[:kept].rstrip() + "…" if width > 0 else ""


def pad(text: str, width: int) -> str:
    """Clip to ``width`` columns and fill up with spaces."""
    text = clip(text, width)
    return text + " " * (width - width_of(text))


def use_colour(stream: TextIO) -> bool:
    """Tell whether ``stream`` is a terminal whose user has not opted out (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str, *, on: bool) -> str:
    """Wrap ``text`` in the codes of a colour of ``COLOURS``, if colours are on."""
    return f"\033[{COLOURS[colour]}m{text}\033[0m" if on else text


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
