"""Carry out units: the one way, whether in this process or in one of Ray's."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Collection, Iterator
from typing import Any

from tiered_st.fingerprint import difference
from tiered_st.indexes.embedder import Embedder
from tiered_st.indexes.encoder import prompts_of
from tiered_st.scale.embed_block import BLANK, embed_block, refuse_unless_skipped
from tiered_st.scale.hub_blocks import hub_blocks
from tiered_st.scale.job import Job
from tiered_st.scale.line_blocks import line_blocks
from tiered_st.scale.manifest import EmbeddingsError
from tiered_st.scale.parquet_blocks import parquet_blocks
from tiered_st.scale.part import set_aside_of
from tiered_st.scale.place import Place
from tiered_st.scale.source_block import SourceBlock
from tiered_st.scale.units import Unit

_READERS: dict[str, Callable[[Unit, Job, Collection[int]], Iterator[SourceBlock]]] = {
    "parquet": parquet_blocks,
    "hub": hub_blocks,
}


class Worker:
    """Have the model of a job, loaded once, and embed the units that it is given.

    Args:
        job: What all units are carried out by.

    Raises:
        EmbeddingsError: If the model here is another than the one that the job was given.
        ValueError: If it cannot be loaded.
        ImportError: If what computes is not installed.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._place = Place(job.target)
        self._dimension = int(job.about_model["dimension"])
        self._embedder = Embedder(_load(job))
        _refuse_another(self._embedder, job)

    def run(self, unit: Unit, on_rows: Callable[[int], None] = lambda rows: None) -> dict[str, Any]:
        """Embed what is missing of a unit, and put down that it is finished.

        Each part is put in its place whole, so a unit that was killed goes on behind its last one.

        Args:
            unit: What to embed.
            on_rows: Called with the number of rows of each block that is done.

        Returns:
            What the unit's record says: its parts, with their rows and checksums.

        Raises:
            InputError: If a source cannot be read, or a row cannot be embedded and that is to end the run.
        """
        if self._place.exists(unit.name):
            return self._finished(unit, on_rows)
        parts = []
        for block in sorted(unit.done):
            parts.append(self._of_part(unit.part(block)))
            on_rows(parts[-1]["rows"])
        for source_block in _READERS.get(unit.source["format"], line_blocks)(unit, self._job, set(unit.done)):
            name = unit.part(source_block.number)
            if self._place.exists(name):  # of an attempt that was killed after this unit was sent out
                parts.append(self._of_part(name))
            else:
                made = embed_block(source_block, self._job, self._encode, self._dimension)
                self._place.write(name, made.data)
                parts.append(_entry(name, made.rows, made.data, made.set_aside))
            on_rows(parts[-1]["rows"])
        record = {"parts": sorted(parts, key=lambda part: part["file"])}
        self._place.write(unit.name, json.dumps(record).encode())
        return record

    def _finished(self, unit: Unit, on_rows: Callable[[int], None]) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self._place.read(unit.name))
        on_rows(sum(part["rows"] for part in record["parts"]))
        return record

    def _encode(self, texts: Any, labels: Any) -> Any:
        return self._embedder(texts, labels, side="document", batch_size=self._job.batch_size)

    def _of_part(self, name: str) -> dict[str, Any]:
        data = self._place.read(name)
        rows, set_aside = set_aside_of(io.BytesIO(data))
        for row in set_aside:
            refuse_unless_skipped(self._job, row)
        return _entry(name, rows, data, set_aside)


def _entry(name: str, rows: int, data: bytes, set_aside: list[dict[str, str]]) -> dict[str, Any]:
    blank = sum(row["reason"] == BLANK for row in set_aside)
    return {
        "file": name, "rows": rows, "sha256": hashlib.sha256(data).hexdigest(),
        "rejected": len(set_aside), "blank": blank,
    }  # fmt: skip


def _load(job: Job) -> Any:
    if job.backend == "torch":
        import torch

        from tiered_st.model import load

        if job.threads is not None:
            torch.set_num_threads(job.threads)
        return load(job.model, device=job.device, revision=job.commit)
    from tiered_st.runtime import load as load_runtime

    return load_runtime(job.model, threads=job.threads, revision=job.commit)


def _refuse_another(embedder: Embedder, job: Job) -> None:
    wanted = job.about_model
    differs = difference(wanted["model_fingerprint"], embedder.model)
    known = wanted["dimension"], wanted.get("prompts", {})
    if differs is None and known != (found := (embedder.dimension, prompts_of(embedder.model))):
        differs = f"with dimension and prompts {known}, this one has {found}"
    if differs is not None:
        raise EmbeddingsError(f"{job.model}: this worker has another model: the run was begun {differs}.")
