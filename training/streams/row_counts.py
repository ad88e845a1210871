"""Count the rows of sources that are limited: their rows are taken spread evenly over all."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from tiered_st.files import replace_file
from training.sources import HUB, Source
from training.streams.open_source import open_source, shards_of
from training.streams.source_facts import facts_of_source


class RowCounts:
    """Count the rows that meet a source's ``where``, once, and keep the number.

    Args:
        data: the folder of local tables.
        cache: the folder where numbers are kept.
    """

    def __init__(self, data: Path | None, cache: Path) -> None:
        self._data, self._cache = data, cache

    def of(self, source: Source) -> int:
        """Return how many rows meet ``where``: a pass over the source, unless parquet says it."""
        if not source.where and not source.name.startswith(HUB):
            shards = shards_of(source, self._data)
            if shards[0].suffix == ".parquet":
                import pyarrow.parquet as pq

                return sum(pq.read_metadata(path).num_rows for path in shards)
        facts = json.dumps([asdict(source), facts_of_source(source, self._data)])
        path = self._cache / f"rows-{hashlib.sha256(facts.encode()).hexdigest()[:16]}.json"
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))
        count = 0
        for columns in open_source(source, self._data).iter(4096):
            names = list(columns)
            rows = (dict(zip(names, cells, strict=True)) for cells in zip(*columns.values(), strict=True))
            count += sum(map(source.keeps, rows))
        self._cache.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as beside:
            beside.write_text(json.dumps(count), encoding="utf-8")
        return count
