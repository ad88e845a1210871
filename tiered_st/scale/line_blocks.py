"""Read the blocks of a unit from a file of lines: text, JSONL, CSV or TSV, compressed or not, here or behind a URL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from tiered_st.records.formats import FORMATS
from tiered_st.records.source import opened
from tiered_st.scale.job import Job
from tiered_st.scale.source_block import SourceBlock, in_blocks
from tiered_st.scale.units import Unit

_A_LINE_A_ROW = ("text", "jsonl")  # lines of others' blocks need not be parsed


def line_blocks(unit: Unit, job: Job, skip: Collection[int]) -> Iterator[SourceBlock]:
    """Yield the blocks of a unit that are not to be skipped.

    Raises:
        InputError: If the file cannot be read.
    """

    def is_wanted(block: int) -> bool:
        return unit.has(block) and block not in skip

    path, name, format = unit.source["opened_as"], unit.source["path"], unit.source["format"]
    with opened(
        path, format=format, guess=format, encoding=job.encoding, note=lambda line: None, tally=Counter()
    ) as found:
        # Rows are known by the path as it was given, so that a run goes on from anywhere.
        source = replace(found, name=name, wanted=_Lane(is_wanted, job.part_rows) if format in _A_LINE_A_ROW else None)
        for block in in_blocks(FORMATS[format](source, job.fields), job.part_rows):
            if is_wanted(block.number):
                yield block


class _Lane:
    """Let pass the lines of the blocks that are wanted, and the first row, which shows what fields there are."""

    def __init__(self, is_wanted: Callable[[int], bool], size: int) -> None:
        self._is_wanted, self._size = is_wanted, size
        self._begun = False

    def __call__(self, number: int, line: bytes) -> bool:
        if not self._begun:
            self._begun = bool(line.strip())
            return True
        return self._is_wanted((number - 1) // self._size)
