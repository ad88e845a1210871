"""Write the files of an index on disk from blocks of vectors, ids and texts, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from tiered_st import __version__
from tiered_st.indexes.disk.layout import RECORDS, VECTORS, files_of, write_meta
from tiered_st.indexes.disk.lists import new_index, train
from tiered_st.indexes.disk.lists_filler import ListsFiller
from tiered_st.indexes.disk.open_folder import OpenFolder
from tiered_st.indexes.disk.recall import measured_recall
from tiered_st.indexes.disk.row_records import RowRecords, TextRecord, fill
from tiered_st.indexes.disk.row_vectors import RowVectors
from tiered_st.indexes.index_config import IndexConfig

BLOCK = 8192  # rows held at once


class BlockOfRows(Protocol):
    """Some rows: see `tiered_st.scale.Block`."""

    @property
    def ids(self) -> list[str]:
        """Of the rows."""
        ...

    @property
    def vectors(self) -> NDArray[np.float32]:
        """(rows, dimension)."""
        ...

    @property
    def texts(self) -> Sequence[str | None] | None:
        """Of the rows, where they are known."""
        ...


class Source(Protocol):
    """What an index is built of: a folder of embeddings (`tiered_st.scale.Embeddings`), or another index."""

    @property
    def count(self) -> int:
        """Rows."""
        ...

    @property
    def dimension(self) -> int:
        """Of the vectors."""
        ...

    @property
    def dtype(self) -> str:
        """What the vectors are stored as: "float32", "float16" or "int8"."""
        ...

    def blocks(self, rows: int) -> Iterator[BlockOfRows]:
        """Yield all rows in order, at most ``rows`` at once: see `BlockOfRows`."""
        ...

    def sample(self, rows: int, seed: int) -> NDArray[np.float32]:
        """Return vectors of rows drawn at random, (min(rows, count), dimension)."""
        ...


def write_disk_index(
    folder: Path,
    source: Source,
    *,
    model: dict[str, Any],
    config: IndexConfig,
    progress: bool,
    next_number: int = 0,
) -> None:
    """Fill an empty folder with an index of ``source``.

    Args:
        folder: On the disk where the index will stand: lists stand there twice while they are merged.
        source: Vectors, ids, texts.
        model: What meta.json says of the model: name, fingerprint, prompts.
        config: As asked for.
        progress: Show a progress bar.
        next_number: What a text without an id gets next, where rows before these have been removed.

    Raises:
        ValueError: For an id that comes twice, a vector that is zero or not finite, or a config that does not fit.
    """
    settled = config.settled(source.count, source.dimension)
    index = new_index(settled, source.dimension)
    if index is not None:
        train(index, _units(source.sample(settled.sample or 1, settled.seed)))
    filler = None if index is None else ListsFiller(index, folder)
    (folder / VECTORS).touch()
    vectors = RowVectors(folder / VECTORS, source.dimension, "int8" if source.dtype == "int8" else "float16")
    has_texts = True
    bar: AbstractContextManager[Any] = tqdm(total=source.count, unit="row") if progress else nullcontext()

    def rows() -> Iterator[list[TextRecord]]:
        nonlocal has_texts
        start = 0
        with open(folder / VECTORS, "wb") as file, bar as shown:
            for block in source.blocks(BLOCK):
                if not len(block.ids):
                    continue
                units = _units(block.vectors, block.ids)
                file.write(vectors.packed(units))
                if filler is not None:
                    filler.add(units, start)
                has_texts = has_texts and block.texts is not None and None not in block.texts
                texts: Sequence[str | None] = block.texts or [None] * len(block.ids)
                yield list(zip(range(start, start + len(units)), block.ids, texts, strict=True))
                start += len(units)
                if shown is not None:
                    shown.update(len(units))
        if start != source.count:
            raise ValueError(f"{start:,} rows were read of {source.count:,}: what is indexed was changed meanwhile")

    try:
        RowRecords.create(folder / RECORDS)
        fill(folder / RECORDS, rows(), next_number)
    finally:
        vectors.close()
    if filler is not None:
        filler.finish()
    meta = {
        "dimension": source.dimension, "metric": "cosine", "library_version": __version__, **model,
        "count": source.count, "dtype": vectors.dtype, "has_texts": has_texts, "asked": config.as_dict(),
        "config": settled.as_dict(), "recall": {},
        "files": files_of(folder, vectors_bytes=source.count * vectors.row_bytes),
    }  # fmt: skip
    write_meta(folder, meta)
    opened = OpenFolder(folder)
    try:
        write_meta(folder, meta | {"recall": measured_recall(opened, seed=settled.seed)})
    finally:
        opened.close()


def _units(vectors: NDArray[np.float32], ids: list[str] | None = None) -> NDArray[np.float32]:
    """Return vectors of length 1: what was stored in few bits is nearly so.

    Raises:
        ValueError: If one is zero or not finite; says which.
    """
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)  # (rows, 1)
    bad = np.flatnonzero(~(np.isfinite(norms) & (norms > 0)))
    if bad.size:
        which = "one that was drawn" if ids is None else f"that of {ids[bad[0]]!r:.80}"
        raise ValueError(f"a vector, {which}, is zero or not finite: it has no cosine")
    return np.ascontiguousarray(vectors / norms, dtype=np.float32)
