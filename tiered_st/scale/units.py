"""Cut the sources of a run into units of work, which depend on the sources alone.

A unit is some of a source's blocks, which are runs of so many rows or, of text, lines; a block becomes a part. Rows of
parquet can be addressed: a unit is a few blocks on end. Lines cannot: a unit is a lane, every nth block, and each lane
reads its file once from the front, so that nothing has to be counted beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tiered_st.scale.manifest import PARTS, UNITS

BLOCKS = 4  # of a unit of parquet
LANE_BYTES = 4 << 20  # of a file, for each lane
MOST_LANES = 32


@dataclass(frozen=True)
class Unit:
    """Name some blocks of one source.

    Attributes:
        number: Of the source.
        source: What the manifest says of it.
        start: The first block.
        stop: The block behind the last one; None where the source's end is not known.
        step: From one block to the next.
        done: Blocks whose parts were there when the run began.
    """

    number: int
    source: dict[str, Any]
    start: int
    stop: int | None
    step: int
    done: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The file that says that it is finished."""
        return f"{UNITS}/unit-{self.number:06d}-{self.start:08d}.json"

    def part(self, block: int) -> str:
        """Return the file of a block."""
        return part_name(self.number, block)

    def has(self, block: int) -> bool:
        """Tell whether a block is one of its own."""
        return (
            block >= self.start
            and (block - self.start) % self.step == 0
            and (self.stop is None or block < self.stop)
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Unit:
        """Return what `to_dict` gave."""
        return cls(**given | {"done": tuple(given["done"])})


def part_name(number: int, block: int) -> str:
    """Return the file of a block of a source; in order of names they are in order of rows."""
    return f"{PARTS}/part-{number:06d}-{block:08d}.parquet"


def block_of(name: str) -> tuple[int, int]:
    """Return the numbers of source and block that a part's name has."""
    _, number, block = name.removesuffix(".parquet").rsplit("-", 2)
    return int(number), int(block)


def cut(sources: Sequence[dict[str, Any]], part_rows: int) -> Iterator[Unit]:
    """Yield the units of some sources.

    Args:
        sources: What the manifest says of them.
        part_rows: Rows of a block.
    """
    for number, source in enumerate(sources):
        if source["format"] == "parquet":
            blocks = -(-source["rows"] // part_rows)
            for start in range(0, blocks, BLOCKS):
                yield Unit(number, source, start, min(start + BLOCKS, blocks), 1)
        else:
            lanes = 1 if source["format"] == "hub" else min(MOST_LANES, max(1, source["bytes"] // LANE_BYTES))
            for lane in range(lanes):
                yield Unit(number, source, lane, None, lanes)
