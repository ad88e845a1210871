"""Parse one open file of texts: plain lines, JSONL, CSV/TSV or parquet.

Each parser yields, in the order of the file, a `Record` for every text and a `Broken` for everything that should have
been one, and holds no more than a line (or a small batch of rows) in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import BinaryIO

from tiered_st.records.rows import Broken, Columns, Record, Rows, bad_utf8, numbered, record
from tiered_st.records.tables import read_csv, read_parquet, read_tsv


def read_lines(file: BinaryIO, name: str, columns: Columns) -> Rows:
    """Yield one text per line; a blank line is an empty text, so that texts and lines stay aligned."""
    for number, line in numbered(file):
        where = f"{name}:{number}"
        try:
            yield Record(where, line.rstrip(b"\r\n").decode("utf-8"), where)
        except UnicodeDecodeError as error:
            yield Broken(where, bad_utf8(error))


def read_jsonl(file: BinaryIO, name: str, columns: Columns) -> Rows:
    """Yield one text per JSON object, one object per line; blank lines hold none."""
    for number, line in numbered(file):
        if not line.strip():
            continue
        where = f"{name}:{number}"
        try:
            row = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            yield Broken(where, bad_utf8(error))
        except (ValueError, RecursionError) as error:
            yield Broken(where, f"not JSON ({error})")
        else:
            if isinstance(row, dict):
                yield record(row, where, columns)
            else:
                yield Broken(where, f"not a JSON object but a {type(row).__name__}")


FORMATS: dict[str, Callable[[BinaryIO, str, Columns], Rows]] = {
    "text": read_lines,
    "jsonl": read_jsonl,
    "csv": read_csv,
    "tsv": read_tsv,
    "parquet": read_parquet,
}
