"""Read the data kit's parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def read_columns(data: Path | None, name: str, *columns: str) -> list[tuple[Any, ...]]:
    """Read columns of a parquet file in the data folder; return its rows.

    Raises:
        ValueError: If the folder is not given, or folder, file or column is missing; the text says what to do.
    """
    from pyarrow import parquet

    if data is None:
        raise ValueError(f"this suite reads {name} and has no source on the hub: say where it is with --data DIR.")
    if not data.is_dir():
        raise ValueError(f"--data {data} is not a folder: give the one that holds {name}.")
    if not (data / name).is_file():
        raise ValueError(f"--data {data} holds no {name}: give the folder of the data kit, or put the file there.")
    if missing := set(columns) - set(parquet.read_schema(data / name).names):
        raise ValueError(f"{data / name} has no column {', '.join(sorted(missing))}: it is not the kit's file.")
    table = parquet.read_table(data / name, columns=list(columns)).to_pydict()
    return list(zip(*(table[column] for column in columns), strict=True))
