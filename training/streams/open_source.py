"""Open a source as a stream of rows, by datasets' own streaming."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.read_table import find_shards, header_of, rows_of
from training.sources import HUB, Source

if TYPE_CHECKING:
    from datasets import IterableDataset

_TOGETHER = 8192  # rows of parquet that are decoded at once


def open_source(source: Source, data: Path | None, order: Sequence[int] | None = None) -> IterableDataset:
    """Return a source's rows as a stream that can say where it stands and go on from there, with its wanted columns.

    Args:
        source: what to read.
        data: the folder of local tables, a file or a folder of shards each.
        order: numbers of the shards in the order they are read; by default as their names are sorted.

    Raises:
        ValueError: if the table or a column is missing.
    """
    from datasets import IterableDataset, load_dataset

    wanted = list(dict.fromkeys(source.wanted))
    if source.name.startswith(HUB):
        name, _, config = source.name.removeprefix(HUB).partition(":")
        rows = load_dataset(name, config or None, split="train", streaming=True)
        _check_columns(source.name, wanted, rows.column_names or list(next(iter(rows), dict.fromkeys(wanted))))
        return rows.select_columns(wanted)
    shards = shards_of(source, data)
    shards = [shards[number] for number in order] if order is not None else shards
    for path in shards:
        _check_columns(str(path), wanted, header_of(path))
    names = [str(path) for path in shards]
    if shards[0].suffix == ".parquet":
        files = {"train": names}
        settings = {"columns": wanted, "batch_size": _TOGETHER}  # else whole row groups are held, and empty files fail
        return load_dataset("parquet", data_files=files, split="train", streaming=True, **settings)
    return IterableDataset.from_generator(_read, gen_kwargs={"shards": names, "columns": tuple(wanted)})


def shards_of(source: Source, data: Path | None) -> list[Path]:
    """Return the files of a local source.

    Raises:
        ValueError: if there are none.
    """
    if data is None:
        raise ValueError(f"{source.name} is a local table: say where with --data DIR.")
    if not (shards := find_shards(data, source.name)):
        raise ValueError(
            f"{data / source.name}.parquet does not exist, nor a folder {data / source.name} of shards: --data must be "
            "the folder that holds one of them."
        )
    return shards


def _read(shards: list[str], columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for path in shards:
        for row in rows_of(Path(path)):
            yield {column: row[column] for column in columns}


def _check_columns(name: str, wanted: list[str], have: list[str]) -> None:
    if missing := [column for column in wanted if column not in have]:
        raise ValueError(f"{name} has no column {', '.join(missing)}; it has {', '.join(have)}.")
