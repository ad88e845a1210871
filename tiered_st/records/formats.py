"""Parse one open input of texts: plain lines, JSONL, CSV, TSV or parquet.

Each parser yields, in the order of the file, a `Record` for every text and a `Broken` for everything that should have
been one, and holds no more than a line (or a small batch of rows) in memory. Lines that are no rows are tallied.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from tiered_st.records.rows import NUL, Broken, Columns, Record, Rows, bad_utf8, record
from tiered_st.records.source import Source
from tiered_st.records.tables import note_ids, read_csv, read_parquet, read_quoted_tsv, read_tsv


def read_lines(source: Source, columns: Columns) -> Rows:
    """Yield one text per line; a blank line is an empty text, so that texts and lines stay aligned."""
    for number, line in source.lines():
        where = f"{source.name}:{number}"
        if b"\0" in line:
            yield Broken(where, NUL)
            continue
        try:
            yield Record(where, line.rstrip(b"\r\n").decode("utf-8"), where)
        except UnicodeDecodeError as error:
            yield Broken(where, bad_utf8(error))


def read_jsonl(source: Source, columns: Columns) -> Rows:
    """Yield one text per JSON object, one object per line; blank lines hold none."""
    settled: Columns | None = None
    for number, line in source.lines():
        if not line.strip():
            source.tally["blank"] += 1
            continue
        where = f"{source.name}:{number}"
        try:
            row = json.loads(line.decode("utf-8"), object_pairs_hook=_Fields)
        except UnicodeDecodeError as error:
            yield Broken(where, bad_utf8(error))
            continue
        except (ValueError, RecursionError) as error:
            array = number == 1 and line.lstrip().startswith(b"[")
            yield Broken(where, "not one JSON object per line: jq -c '.[]'" if array else f"not JSON ({error})")
            continue
        if not isinstance(row, _Fields):
            yield Broken(where, f"not a JSON object but a {type(row).__name__}")
            continue
        if twice := next((key for key in columns.names if key in row.twice), None):
            yield Broken(where, f"field {twice!r} comes twice")
            continue
        if settled is None:
            settled = columns.among(list(row))
            note_ids(source, columns, settled)
        if columns.optional and settled.id is None and columns.id in row and columns.id != columns.text:
            yield Broken(where, f"has a field {columns.id!r}, the rows before have none (--id-field, --no-id-field)")
        else:
            yield record(row, where, settled)


class _Fields(dict[str, Any]):
    """A JSON object that knows which of its keys came more than once: json keeps the last value alone."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        keys = Counter(key for key, _ in pairs) if len(self) < len(pairs) else {}
        self.twice = {key for key, times in keys.items() if times > 1}


FORMATS: dict[str, Callable[[Source, Columns], Rows]] = {
    "text": read_lines,
    "jsonl": read_jsonl,
    "csv": read_csv,
    "tsv": read_tsv,
    "tsv-quoted": read_quoted_tsv,
    "parquet": read_parquet,
}
