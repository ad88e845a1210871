"""Say what every code point is, from a table made from one version of Unicode, whichever Python reads it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PATH = Path(__file__).with_suffix(".npz")
CODE_POINTS = 0x110000

ORDINARY, DROPPED, SHAPING, UNNORMALISED = range(4)  # kinds of code points, see UnicodeTable
_CAPITAL, _KIND = 5, 6  # places in a byte of properties, behind the five bits of the class
CAPITAL = 1 << _CAPITAL


class UnicodeTable(NamedTuple):
    """Hold the properties of code points; ``python -m training.unicode_table`` makes and writes them.

    A code point has a class (see ``character_classes``), may be a capital letter, and is of a kind: ORDINARY, DROPPED
    (it has no glyph), SHAPING (it has none, but may shape its neighbours) or UNNORMALISED (not every Python's normal
    forms know it). The last two fields are sets of code points: where runs of members begin and end, in turns.
    """

    version: str  # of Unicode
    properties: NDArray[np.uint8]  # (CODE_POINTS,)
    lower: NDArray[np.uint32]  # (0x10000,): lower case, one to one
    joining: NDArray[np.uint32]  # letters and marks of scripts whose letters a joiner shapes
    emoji: NDArray[np.uint32]  # what an emoji selector or joiner may follow

    def classes(self, points: NDArray[np.uint32]) -> NDArray[np.uint8]:
        """Return the class of each code point, shape (characters,)."""
        return self.properties[points] & np.uint8(CAPITAL - 1)

    def looks(self, points: NDArray[np.uint32]) -> NDArray[np.uint8]:
        """Return the class of each code point, and CAPITAL on top of it in capital letters, shape (characters,)."""
        return self.properties[points] & np.uint8((CAPITAL << 1) - 1)

    def kinds(self, points: NDArray[np.uint32]) -> NDArray[np.uint8]:
        """Return the kind of each code point, shape (characters,)."""
        return self.properties[points] >> np.uint8(_KIND)

    def save(self, path: Path = PATH) -> None:
        """Write the table: the properties as runs of code points, the lower case of those that have another."""
        starts = np.flatnonzero(np.diff(self.properties, prepend=~self.properties[:1]))
        cased = np.flatnonzero(self.lower != np.arange(len(self.lower)))
        np.savez_compressed(
            path,
            version=np.array(self.version),
            starts=starts.astype(np.uint32),
            runs=self.properties[starts],
            cases=np.stack([cased, self.lower[cased]]).astype(np.uint16),
            joining=self.joining,
            emoji=self.emoji,
        )

    @classmethod
    def load(cls, path: Path = PATH) -> UnicodeTable:
        """Read a table that ``save`` wrote."""
        with np.load(path) as stored:
            properties = np.repeat(stored["runs"], np.diff(stored["starts"], append=np.uint32(CODE_POINTS)))
            lower = np.arange(0x10000, dtype=np.uint32)
            cased, small = stored["cases"]
            lower[cased] = small
            sets = (stored[name] for name in ("joining", "emoji"))
            return cls(str(stored["version"]), properties, lower, *sets)


def pack(classes: NDArray[np.uint8], capitals: NDArray[np.bool_], kinds: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the bytes of properties that hold a class, a flag and a kind each."""
    return classes | capitals.astype(np.uint8) << np.uint8(_CAPITAL) | kinds << np.uint8(_KIND)


@cache
def unicode_table() -> UnicodeTable:
    """Return the committed table."""
    return UnicodeTable.load()


def among(points: NDArray[np.uint32], edges: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Say which code points lie in a set that is given by its ``edges``, shape (characters,)."""
    return np.searchsorted(edges, points, side="right") % 2 == 1
