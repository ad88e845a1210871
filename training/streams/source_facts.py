"""What a streamed source is known by: reading all of it, to know whether it changed, would take as long as training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.read_table import find_shards
from training.sources import HUB, Source


def facts_of_table(name: str, data: Path) -> list[Any]:
    """Return name, bytes and time of change in nanoseconds of each file of a local table."""
    return [[path.name, (found := path.stat()).st_size, found.st_mtime_ns] for path in find_shards(data, name)]


def facts_of_source(source: Source, data: Path | None) -> list[Any]:
    """Return what tells a source from another one, or from itself before it changed.

    A dataset of the hub is told by its files' addresses, which name the commit.
    """
    if not source.name.startswith(HUB):
        return facts_of_table(source.name, data) if data is not None else []
    from datasets import load_dataset_builder

    name, _, config = source.name.removeprefix(HUB).partition(":")
    files = load_dataset_builder(name, config or None).config.data_files or {}
    return [source.name, {str(split): [str(file) for file in found] for split, found in files.items()}]
