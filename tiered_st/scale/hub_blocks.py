"""Read the blocks of a unit from a dataset of the Hugging Face hub: `datasets` streams one of its shards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from typing import Any

from tiered_st.records.rows import Broken, InputError, Record, record
from tiered_st.scale.job import Job
from tiered_st.scale.parquet_blocks import chosen
from tiered_st.scale.source_block import SourceBlock, in_blocks
from tiered_st.scale.units import Unit

SCHEME = "hub:"


def hub_blocks(unit: Unit, job: Job, skip: Collection[int]) -> Iterator[SourceBlock]:
    """Yield the blocks of a unit that are not to be skipped.

    Raises:
        InputError: If the dataset cannot be read, or lacks a column.
    """
    source, size = unit.source, job.part_rows
    try:
        from datasets.distributed import split_dataset_by_node

        stream = _stream(source["dataset"], source["config"], source["split"])
        shard = split_dataset_by_node(stream, source["shard"], source["shards"])  # as many nodes as shards: one each
        known = shard.column_names
    except Exception as error:
        raise _unreadable(source["path"], error) from None
    columns = None if known is None else chosen(list(known), source["path"], job.fields)
    first = 0
    while first in skip:  # what is done lies at the front, and need not be decoded
        first += 1

    def rows() -> Iterator[Record | Broken]:
        found = columns
        iterator = iter(shard.skip(first * size) if first else shard)
        number = first * size
        while True:
            try:
                row = next(iterator)
            except StopIteration:
                return
            except Exception as error:
                raise _unreadable(source["path"], error) from None
            number += 1
            found = found or chosen(list(row), source["path"], job.fields)
            yield record(row, f"{source['path']}:{number}", found)

    for block in in_blocks(rows(), size):
        if block.number not in skip:
            yield block


def hub_sources(given: str) -> list[dict[str, Any]]:
    """Return what the manifest says of a dataset, each shard by itself.

    Args:
        given: ``hub:owner/name[:config][:split]``, or a folder instead of the name.

    Raises:
        InputError: If there is no such dataset, or it has several configurations or splits and none is named.
    """
    try:
        import datasets
    except ImportError:
        raise InputError(f"{given}: reading datasets of the hub needs datasets: pip install datasets") from None
    dataset, *named = given.removeprefix(SCHEME).split(":")
    if not dataset or len(named) > 2:
        raise InputError(
            f"{given}: a dataset is named as hub:owner/name, hub:owner/name:config:split or by one of both"
        )
    try:
        configs = list(datasets.get_dataset_config_names(dataset))
        config = named[0] if named and named[0] in configs else None
        split = named[-1] if named and (len(named) == 2 or config is None) else None
        if len(named) == 2 and config is None:
            raise InputError(f"{given}: there is no configuration {named[0]!r}; there are: {', '.join(configs)}")
        if config is None and len(configs) > 1 and "default" not in configs:
            raise InputError(f"{given}: name one of its configurations behind a colon: {', '.join(configs)}")
        builder = datasets.load_dataset_builder(dataset, config)
        splits = list(datasets.get_dataset_split_names(dataset, config))
        if split is None and len(splits) > 1:
            raise InputError(f"{given}: name one of its splits behind a colon: {', '.join(splits)}")
        if split is not None and split not in splits:
            raise InputError(f"{given}: there is no split {split!r}; there are: {', '.join(splits)}")
        split = split or splits[0]
        stream = _stream(dataset, config, split)
        shards = int(stream.num_shards if hasattr(stream, "num_shards") else stream.n_shards)  # before datasets 3.1
    except InputError:
        raise
    except Exception as error:
        raise _unreadable(given, error) from None
    path = ":".join([SCHEME + dataset, *([config] if config else []), split])
    return [
        {
            "path": f"{path}[{shard}]", "format": "hub", "dataset": dataset, "config": config, "split": split,
            "shard": shard, "shards": shards, "etag": _state(builder),
        }
        for shard in range(shards)
    ]  # fmt: skip


def _stream(dataset: str, config: str | None, split: str) -> Any:
    import datasets

    return datasets.load_dataset(dataset, config, split=split, streaming=True)


def _state(builder: Any) -> str:
    """Return what changes with the files of a dataset: the commit of a repository, the times of local files."""
    files = builder.config.data_files or {}
    origins = {
        str(split): [list(map(str, origin)) for origin in found.origin_metadata] for split, found in files.items()
    }
    return hashlib.sha256(json.dumps([builder.hash, origins], sort_keys=True).encode()).hexdigest()[:16]


def _unreadable(name: str, error: BaseException) -> InputError:
    return InputError(f"{name}: cannot be read by datasets ({type(error).__name__}: {' '.join(str(error).split())})")
