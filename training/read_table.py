"""Read a table of training data: parquet, CSV, JSON lines, or plain text of one column."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

ENDINGS = (".parquet", ".csv", ".jsonl", ".txt")


def find_table(folder: Path, name: str) -> Path | None:
    """Return the file of a table, or None.

    Raises:
        ValueError: If there are several; says which.
    """
    found = [path for ending in ENDINGS if (path := folder / f"{name}{ending}").is_file()]
    if len(found) > 1:
        raise ValueError(f"{folder} has {' and '.join(path.name for path in found)}: remove all but the one to read.")
    return found[0] if found else None


def columns_of(path: Path) -> list[str]:
    """Return the columns of a table."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return list(pq.read_schema(path).names)
    return list(read_table(path))


def read_table(path: Path) -> dict[str, list[Any]]:
    """Read a table, column by column; a CSV's cells are strings, and a text file's lines are the column "text".

    Raises:
        ValueError: If a row does not fit its columns; says which.
    """
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return pq.read_table(path).to_pydict()
    if path.suffix == ".txt":
        return {"text": path.read_text(encoding="utf-8-sig").split("\n")}
    rows: list[dict[str, Any]] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix == ".csv":
            reader = csv.DictReader(file, strict=True)
            try:
                rows = list(reader)
            except csv.Error as error:
                raise ValueError(f"Line {reader.line_num} of {path} is not CSV: {error}.") from None
            columns = list(reader.fieldnames or ())
        else:
            for number, line in enumerate(file, 1):
                try:
                    rows.append(json.loads(line))
                except ValueError:
                    raise ValueError(f"Line {number} of {path} is not JSON.") from None
            columns = list(rows[0]) if rows else []
    for number, row in enumerate(rows, 1):
        if set(row) != set(columns) or (None in row.values() and path.suffix == ".csv"):
            raise ValueError(f"Row {number} of {path} does not have its columns, {', '.join(columns)}: mend it.")
    return {column: [row[column] for row in rows] for column in columns}
