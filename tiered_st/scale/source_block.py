"""Some rows of a source on end, as they were read: what becomes one part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tiered_st.records.rows import Broken, Record


@dataclass
class SourceBlock:
    """Hold the rows of a block.

    Attributes:
        number: Of the block in its source.
        rows: Records, and what should have been some.
        columns: What is carried along, as a table of Arrow with a row for each of ``rows``; None where records have it.
    """

    number: int
    rows: list[Record | Broken] = field(default_factory=list)
    columns: Any = None


def in_blocks(rows: Iterable[Record | Broken], size: int) -> Iterator[SourceBlock]:
    """Yield blocks of rows by the line where each was read: block b has the lines from b · size + 1.

    Args:
        rows: In the order of lines.
        size: Lines of a block.
    """
    block = SourceBlock(-1)
    for row in rows:
        number = (row.line - 1) // size
        if number != block.number:
            if block.rows:
                yield block
            block = SourceBlock(number)
        block.rows.append(row)
    if block.rows:
        yield block
