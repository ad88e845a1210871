"""Read the blocks of a unit from a parquet file, whatever the size of its row groups."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from tiered_st.records.rows import Broken, Columns, InputError, Record, bad_utf8, record
from tiered_st.records.source import opened_bytes
from tiered_st.scale.job import Job
from tiered_st.scale.part import import_pyarrow
from tiered_st.scale.source_block import SourceBlock
from tiered_st.scale.units import Unit

_BUFFER = 1 << 20  # bytes read ahead of a column, where Arrow would hold all that a row group has of it


def parquet_blocks(unit: Unit, job: Job, skip: Collection[int]) -> Iterator[SourceBlock]:
    """Yield the blocks of a unit that are not to be skipped.

    Raises:
        InputError: If the file cannot be read, or lacks a column.
    """
    pa = import_pyarrow()
    path, name, size = unit.source["opened_as"], unit.source["path"], job.part_rows
    wanted = [block for block in range(unit.start, unit.stop or 0, unit.step) if block not in skip]
    if not wanted:
        return
    try:
        with opened_bytes(path) as raw:
            file = pa.parquet.ParquetFile(raw, buffer_size=_BUFFER)
            columns = chosen(file.schema_arrow.names, name, job.fields)
            before, groups = _groups(file.metadata, wanted[0] * size, (wanted[-1] + 1) * size)
            held: list[Any] = []  # of the block that is being read
            for batch in file.iter_batches(batch_size=size, row_groups=groups, columns=columns.names):
                while batch.num_rows:
                    block = before // size
                    rows = min(batch.num_rows, (block + 1) * size - before)
                    if block in wanted:
                        held.append(batch.slice(0, rows))
                    batch, before = batch.slice(rows), before + rows
                    if held and before % size == 0:
                        yield _block(pa.Table.from_batches(held), block, name, columns, size)
                        held = []
                if before // size > wanted[-1]:
                    break
            if held:
                yield _block(pa.Table.from_batches(held), before // size, name, columns, size)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(name, error) from None


def chosen(header: list[str], name: str, columns: Columns) -> Columns:
    """Return the columns to read of those that a file has.

    Raises:
        InputError: If one is not there, or twice.
    """
    found = columns.among(header)
    for wanted in found.names:
        if header.count(wanted) != 1:
            state = "comes twice" if wanted in header else "is missing"
            raise InputError(f"{name}: column {wanted!r} {state}; there are: {', '.join(header) or 'none'}")
    return found


def unreadable(name: str, error: object) -> InputError:
    """Return what says that a file is no parquet that can be read."""
    return InputError(f"{name}: not a parquet file that can be read ({' '.join(str(error).split())})")


def _groups(metadata: Any, first: int, last: int) -> tuple[int, list[int]]:
    """Return the row groups that have rows from ``first`` up to ``last``, and the rows before them."""
    before, skipped, groups = 0, 0, []
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if before + rows <= first:
            skipped += rows
        elif before < last:
            groups.append(group)
        before += rows
    return skipped, groups


def _block(table: Any, number: int, name: str, columns: Columns, size: int) -> SourceBlock:
    values = [_values(table.column(key)) for key in columns.required]
    rows: list[Record | Broken] = []
    own = Columns(columns.text, columns.id)
    for place, row in enumerate(zip(*values, strict=True), start=number * size + 1):
        where = f"{name}:{place}"
        broken = next((value for value in row if isinstance(value, UnicodeDecodeError)), None)
        given = dict(zip(columns.required, row, strict=True))
        rows.append(record(given, where, own) if broken is None else Broken(where, bad_utf8(broken)))
    return SourceBlock(number, rows, table.select(columns.carried))


def _values(column: Any) -> list[Any]:
    """Return the values of a column; of one that is no UTF-8, the error."""
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        return [_value(scalar) for scalar in column]


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError as error:
        return error
