"""Read a table of training data: parquet, CSV, JSON lines, or plain text of one column."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
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
    """Return the columns of a table, which is read whole unless it is parquet, so that no broken row comes later."""
    return header_of(path) if path.suffix == ".parquet" else list(read_table(path))


def header_of(path: Path) -> list[str]:
    """Return the columns of a table by its beginning."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return list(pq.read_schema(path).names)
    if path.suffix == ".txt":
        return ["text"]
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix == ".csv":
            try:
                return list(csv.DictReader(file, strict=True).fieldnames or ())
            except csv.Error as error:
                raise ValueError(f"The first line of {path} is not CSV: {error}.") from None
        return list(next(_json_rows(path, file), ()))


def find_shards(folder: Path, name: str) -> list[Path]:
    """Return the files of a table in the order they are read: its one file, or all of the folder of its name.

    Raises:
        ValueError: If there are both, or the folder's files are of several kinds; says which.
    """
    file, shards = find_table(folder, name), folder / name
    found = sorted(path for path in shards.glob("*") if path.suffix in ENDINGS) if shards.is_dir() else []
    if file is not None and found:
        raise ValueError(f"{folder} has {file.name} and the folder {name}/: remove the one not to read.")
    if len(kinds := sorted({path.suffix for path in found})) > 1:
        raise ValueError(f"{shards} has files of {', '.join(kinds)}: leave those of one kind.")
    return [file] if file is not None else found


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table that is not parquet, none of them held, as :func:`read_table` reads them.

    Raises:
        ValueError: If a row does not fit the columns; says which.
    """
    if path.suffix == ".txt":
        yield from _lines_of(path)
        return
    columns = header_of(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(_csv_rows(path, file) if path.suffix == ".csv" else _json_rows(path, file), 1):
            if set(row) != set(columns) or (None in row.values() and path.suffix == ".csv"):
                raise ValueError(f"Row {number} of {path} does not have its columns, {', '.join(columns)}: mend it.")
            yield row


def read_table(path: Path) -> dict[str, list[Any]]:
    """Read a table, column by column; a CSV's cells are strings, and a text file's lines are the column "text".

    Raises:
        ValueError: If a row does not fit its columns; says which.
    """
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return pq.read_table(path).to_pydict()
    if path.suffix == ".txt":
        return {"text": [row["text"] for row in rows_of(path)]}
    rows = list(rows_of(path))
    return {column: [row[column] for row in rows] for column in header_of(path)}


def _lines_of(path: Path) -> Iterator[dict[str, Any]]:
    line = "\n"
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            yield {"text": line.removesuffix("\n")}
    if line.endswith("\n"):
        yield {"text": ""}  # after the last line's end, or of an empty file


def _csv_rows(path: Path, file: Iterable[str]) -> Iterator[dict[str, Any]]:
    reader = csv.DictReader(file, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        raise ValueError(f"Line {reader.line_num} of {path} is not CSV: {error}.") from None


def _json_rows(path: Path, file: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(file, 1):
        try:
            row = json.loads(line)
        except ValueError:
            raise ValueError(f"Line {number} of {path} is not JSON.") from None
        if not isinstance(row, dict):
            raise ValueError(f"Line {number} of {path} is not a JSON object with a name for each cell.")
        yield row
