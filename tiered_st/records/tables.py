"""Parse tables of texts: CSV, TSV and parquet."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain

from tiered_st.records.rows import CURE_ENCODING, NUL, Broken, Columns, InputError, Record, Rows, bad_utf8, record
from tiered_st.records.source import Source

FIELD_LIMIT = 1 << 24  # characters of a CSV field: bounds what a quote that is never closed can swallow
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def read_csv(source: Source, columns: Columns) -> Rows:
    """Yield one text per row of values with a header, separated by commas or what else the header shows."""
    lines = _text_lines(source)
    header = next(lines, "")
    usual, *others = DELIMITERS
    delimiter = usual
    if columns.text not in _fields(header, usual):  # not as such: a text may hold the others
        delimiter = next((other for other in others if columns.text in _fields(header, other)), usual)
    if delimiter != usual:
        source.note(f"{source.name}: columns are separated by {DELIMITERS[delimiter]}")
    return _read_quoted(source, chain([header], lines), columns, delimiter=delimiter)


def read_quoted_tsv(source: Source, columns: Columns) -> Rows:
    """Yield one text per row of tab-separated values with a header, quoted as in CSV."""
    return _read_quoted(source, _text_lines(source), columns, delimiter="\t")


def read_tsv(source: Source, columns: Columns) -> Rows:
    """Yield one text per line of tab-separated values with a header; a quotation mark is a character like others."""
    header: list[str] | None = None
    for number, line in enumerate(_text_lines(source), start=1):
        where = f"{source.name}:{number}"
        row = line.rstrip("\r\n").split("\t")
        if header is None:
            header, columns = row, _chosen(row, where, columns, source)
        elif row == [""]:
            source.tally["blank"] += 1
        else:
            quoted = " (quoted fields? --format tsv-quoted)" if '"' in line else ""
            yield _row(row, header, where, columns, hint=quoted)
    if header is None:
        _chosen([], f"{source.name}:1", columns, source)


def read_parquet(source: Source, columns: Columns) -> Rows:
    """Yield one text per row of a parquet file; rows count from 1."""
    name = source.name
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise InputError(f"{name}: reading parquet needs pyarrow: pip install pyarrow") from None
    if not source.file.seekable():
        raise InputError(f"{name}: parquet is read from its end, not through a pipe or decompressor: give the file")
    number = 0
    try:
        table = pq.ParquetFile(source.file)
        columns = _chosen(table.schema_arrow.names, name, columns, source)
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


def note_ids(source: Source, asked: Columns, settled: Columns) -> None:
    """Say where ids come from, if the user has not."""
    if asked.optional and settled.id is not None:
        source.note(f"{source.name}: ids come from the field {settled.id!r} (--no-id-field: from file and line)")


def _text_lines(source: Source) -> Iterator[str]:
    # Bytes that are no UTF-8 pass through the CSV parser as lone surrogates, so that only their own row is broken.
    return (line.decode("utf-8", "surrogateescape") for _, line in source.lines())


def _fields(header: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([header], delimiter=delimiter), [])
    except csv.Error:
        return []


def _read_quoted(source: Source, lines: Iterator[str], columns: Columns, *, delimiter: str) -> Rows:
    name = source.name
    csv.field_size_limit(FIELD_LIMIT)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next(rows, [])
    except csv.Error as error:
        raise InputError(f"{name}:1: the header cannot be read ({error})") from None
    columns = _chosen(header, f"{name}:1", columns, source)
    while True:
        first = rows.line_num + 1  # a quoted field may hold line breaks: a row is known by its first line
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            reached = f", and all lines up to {rows.line_num} are lost with it" if rows.line_num > first else ""
            lost = max(rows.line_num - first + 1, 1)
            yield Broken(f"{name}:{first}", f"not a valid row ({error}){reached}", lost)
            continue
        if not row:
            source.tally["blank"] += 1
            continue
        source.tally["inside quoted fields"] += rows.line_num - first
        yield _row(row, header, f"{name}:{first}", columns)


def _row(row: list[str], header: list[str], where: str, columns: Columns, *, hint: str = "") -> Record | Broken:
    if len(row) != len(header):
        return Broken(where, f"{len(row)} columns where the header has {len(header)}{hint}")
    for field in row:
        if "\0" in field:
            return Broken(where, NUL)
        if not field.isascii() and any("\udc80" <= char <= "\udcff" for char in field):
            return Broken(where, f"invalid UTF-8 ({CURE_ENCODING})")
    return record(dict(zip(header, row, strict=True)), where, columns)


def _chosen(header: list[str], name: str, columns: Columns, source: Source) -> Columns:
    """Return the columns to read of those in the header; an InputError names the one that is not there, or twice."""
    chosen = columns.among(header)
    for wanted in chosen.names:
        if header.count(wanted) != 1:
            state = "comes twice" if wanted in header else "is missing"
            found = ", ".join(header) or "none"
            raise InputError(f"{name}: column {wanted!r} {state}; there are: {found} (see --field and --id-field)")
    note_ids(source, columns, chosen)
    return chosen


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
