"""Parse tables of texts: CSV, TSV and parquet."""

from __future__ import annotations

import csv
from typing import BinaryIO

from tiered_st.records.rows import Broken, Columns, InputError, Rows, bad_utf8, numbered, record

FIELD_LIMIT = 1 << 24  # characters of a CSV field: bounds what a quote that is never closed can swallow


def read_csv(file: BinaryIO, name: str, columns: Columns) -> Rows:
    """Yield one text per row of comma-separated values with a header."""
    return _read_delimited(file, name, columns, delimiter=",")


def read_tsv(file: BinaryIO, name: str, columns: Columns) -> Rows:
    """Yield one text per row of tab-separated values with a header."""
    return _read_delimited(file, name, columns, delimiter="\t")


def read_parquet(file: BinaryIO, name: str, columns: Columns) -> Rows:
    """Yield one text per row of a parquet file; rows count from 1."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise InputError(f"{name}: reading parquet needs pyarrow: pip install pyarrow") from None
    if not file.seekable():
        raise InputError(f"{name}: parquet is read from its end and cannot come through a pipe: give a file")
    number = 0
    try:
        table = pq.ParquetFile(file)
        _require_columns(table.schema_arrow.names, name, columns)
        for batch in table.iter_batches(batch_size=1024, columns=columns.names):
            arrays = {key: batch.column(batch.schema.get_field_index(key)) for key in columns.names}
            for row in range(batch.num_rows):
                number += 1
                where = f"{name}:{number}"
                try:
                    yield record({key: array[row].as_py() for key, array in arrays.items()}, where, columns)
                except UnicodeDecodeError as error:
                    yield Broken(where, bad_utf8(error))
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{name}: not a parquet file that can be read ({_one_line(error)})") from None


def _read_delimited(file: BinaryIO, name: str, columns: Columns, *, delimiter: str) -> Rows:
    csv.field_size_limit(FIELD_LIMIT)
    # Bytes that are no UTF-8 pass through the CSV parser as lone surrogates, so that only their own row is broken.
    lines = (line.decode("utf-8", "surrogateescape") for _, line in numbered(file))
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next(rows, [])
    except csv.Error as error:
        raise InputError(f"{name}:1: the header cannot be read ({error})") from None
    _require_columns(header, f"{name}:1", columns)
    while True:
        first = rows.line_num + 1  # a quoted field may hold line breaks: a row is known by its first line
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            reached = f", and all lines up to {rows.line_num} are lost with it" if rows.line_num > first else ""
            yield Broken(f"{name}:{first}", f"not a valid row ({error}){reached}")
            continue
        where = f"{name}:{first}"
        if not row:  # a blank line
            continue
        if len(row) != len(header):
            yield Broken(where, f"{len(row)} columns where the header has {len(header)}")
        elif any("\udc80" <= char <= "\udcff" for field in row if not field.isascii() for char in field):
            yield Broken(where, "invalid UTF-8")
        else:
            yield record(dict(zip(header, row, strict=True)), where, columns)


def _require_columns(header: list[str], name: str, columns: Columns) -> None:
    for wanted in columns.names:
        if header.count(wanted) != 1:
            state = "comes twice" if wanted in header else "is missing"
            found = ", ".join(header) or "none"
            raise InputError(f"{name}: column {wanted!r} {state}; there are: {found} (see --field and --id-field)")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
