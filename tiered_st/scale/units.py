"""Cut the sources of a run into units of work, which depend on the sources alone.

A unit is some of a source's blocks, which are runs of so many rows or, of text, lines; a block becomes a part. Rows of
parquet can be addressed: a unit is a few blocks on end. Lines cannot: a unit is a lane, every nth block, and each lane
reads its file once from the front, so that nothing has to be counted beforehand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tiered_st.scale.manifest import PARTS, UNITS

BLOCKS = 4  # of a unit of parquet
LANE_BYTES = 4 << 20  # of a file, for each lane
MOST_LANES = 32
_PART = re.compile(r"part-(\d{6,})-(\d{8,})-([0-9a-f]{8})\.parquet", re.ASCII)


@dataclass(frozen=True)
class Unit:
    """Name some blocks of one source.

    Attributes:
        run: What the run is known by, 8 hex digits, which the names of its files end in: a worker that outlives its
            run for a moment writes nothing into the next one, of other settings.
        number: Of the source.
        source: What the manifest says of it.
        start: The first block.
        stop: The block behind the last one; None where the source's end is not known.
        step: From one block to the next.
        done: Blocks whose parts were there when the run began.
    """

    run: str
    number: int
    source: dict[str, Any]
    start: int
    stop: int | None
    step: int
    done: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The file that says that it is finished."""
        return f"{UNITS}/unit-{self.number:06d}-{self.start:08d}-{self.run}.json"

    def part(self, block: int) -> str:
        """Return the file of a block."""
        return part_name(self.number, block, self.run)

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


def part_name(number: int, block: int, run: str) -> str:
    """Return the file of a block of a source; in order of names they are in order of rows."""
    return f"{PARTS}/part-{number:06d}-{block:08d}-{run}.parquet"


def block_of(name: str) -> tuple[int, int, str] | None:
    """Return the numbers of source and block, and the run, that a part's name has; None of what is called otherwise."""
    found = _PART.fullmatch(name)
    return None if found is None else (int(found[1]), int(found[2]), found[3])


def cut(sources: Sequence[dict[str, Any]], part_rows: int, run: str) -> Iterator[Unit]:
    """Yield the units of some sources.

    Args:
        sources: What the manifest says of them.
        part_rows: Rows of a block.
        run: What the run is known by.
    """
    for number, source in enumerate(sources):
        if source["format"] == "parquet":
            blocks = -(-source["rows"] // part_rows)
            for start in range(0, blocks, BLOCKS):
                yield Unit(run, number, source, start, min(start + BLOCKS, blocks), 1)
        else:
            lanes = 1 if source["format"] == "hub" else min(MOST_LANES, max(1, source["bytes"] // LANE_BYTES))
            for lane in range(lanes):
                yield Unit(run, number, source, lane, None, lanes)
