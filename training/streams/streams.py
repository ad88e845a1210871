"""The streams of a recipe, a writer of windows for each kind of its sources."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from training import ranks
from training.sources import Held, Source
from training.streams.row_counts import RowCounts
from training.streams.row_reader import RowReader
from training.streams.source_facts import facts_of_source
from training.streams.stream_config import StreamConfig
from training.streams.streamed_task import StreamedTask
from training.streams.window_writer import WindowWriter
from training.streams.windows import Windows
from training.tasks import Task


class Streams:
    """Make the streams of a recipe, each when first asked for.

    What was cut and written stays in the cache, in a folder named for all that decides about it: the sources with what
    is taken of them, their files' names, sizes and times of change, and the setting.

    Args:
        config: the recipe's setting.
        seed: the recipe's.
        data: the folder of local tables.
        cache: where windows are kept, which all ranks share.
        kept: windows of a kind that stay on disk; 0 keeps all.
        held: rows that are held out, and in no window.
    """

    def __init__(
        self,
        config: StreamConfig,
        seed: int,
        data: Path | None,
        cache: Path,
        kept: int = 0,
        held: Held | None = None,
    ) -> None:
        self.config, self._seed, self._data, self._cache, self._kept = config, seed, data, cache, kept
        self._held = held
        self._writers: dict[str, WindowWriter] = {}

    def of(self, kind: str, sources: tuple[Source, ...]) -> WindowWriter:
        """Return the writer of a kind's windows; every rank must ask."""
        if kind not in self._writers:
            folder = self._cache / f"stream-{kind}-{ranks.agree(lambda: self._key(kind, sources))}"
            windows = Windows(kind, folder, own_walks=self.config.shuffle_shards)
            counts = RowCounts(self._data, self._cache)

            def reader(walk: int) -> RowReader:
                turn = [self._seed, walk] if walk else None  # the first epoch reads in order
                return RowReader(kind, sources, self._data, counts, turn, self.config.head, self._held)

            self._writers[kind] = WindowWriter(windows, reader, self.config.buffer, self._kept)
        return self._writers[kind]

    def task(
        self, kind: str, sources: tuple[Source, ...], make: Callable[..., Task], batch: int, vectors: str | None
    ) -> StreamedTask:
        """Return a task that walks through the windows of a kind."""
        return StreamedTask(self.of(kind, sources).windows, make, batch, vectors)

    def writer_of(self, task: StreamedTask) -> WindowWriter:
        """Return who opens a task's windows."""
        return self._writers[task.windows.kind]

    def _key(self, kind: str, sources: tuple[Source, ...]) -> str:
        facts = [[asdict(source), facts_of_source(source, self._data)] for source in sources]
        shuffled = [self._seed] if self.config.shuffle_shards else None
        held = [self._held.digest] if self._held is not None else []
        said = json.dumps([kind, facts, self.config.buffer, self.config.head, shuffled, *held])
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]
