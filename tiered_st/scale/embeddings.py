"""Read a folder of embeddings, part by part: numpy and pyarrow alone."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.scale.manifest import PARTS, REJECTED, EmbeddingsError, read_manifest
from tiered_st.scale.part import ID, SCALE, TEXT, VECTOR, import_pyarrow, vectors_of
from tiered_st.scale.place import Place
from tiered_st.scale.same_ids import id_that_comes_twice

__all__ = ["Block", "Embeddings", "EmbeddingsError"]


@dataclass(frozen=True)
class Block:
    """Some rows of a part.

    Attributes:
        ids: Of the rows.
        vectors: Unit vectors, (rows, dimension) float32, whatever they are stored as.
        texts: What was embedded, or None where it was not carried along.
    """

    ids: list[str]
    vectors: NDArray[np.float32]
    texts: list[str] | None


class Embeddings:
    """The vectors that :func:`tiered_st.scale.embed` wrote, with their ids and texts.

    Args:
        folder: A path, or a URL that fsspec opens.
        allow_incomplete: Also read a folder whose run has not come to its end: the parts that are there.

    Attributes:
        folder: Where it lies.
        meta: What manifest.json says.
        parts: Paths or URLs of its parquet files, in the order of the sources.
        count: Rows in them.

    Raises:
        EmbeddingsError: If there is no such folder, or it is damaged, foreign or incomplete.
        ImportError: If pyarrow is not installed, or fsspec for a URL.
    """

    def __init__(self, folder: str | os.PathLike[str], *, allow_incomplete: bool = False) -> None:
        self._place = Place(folder)
        self.folder = self._place.folder
        self.meta = read_manifest(self._place)
        listed = self.meta["parts"]
        if not self.meta["complete"]:
            if not allow_incomplete:
                cure = "Run the same command again, which goes on where it stopped, or give allow_incomplete=True"
                raise EmbeddingsError(f"{self.folder}: its run has not come to its end. {cure}.")
            names = [f"{PARTS}/{name}" for name in self._place.names(PARTS) if name.endswith(".parquet")]
            listed = [{"file": name, "rows": self._rows_of(name)} for name in names]
        self._files: list[str] = [part["file"] for part in listed]
        self._rows: list[int] = [part["rows"] for part in listed]
        self.parts = [self._place.path(name) for name in self._files]
        self.count = sum(self._rows)

    def __len__(self) -> int:
        return self.count

    def __repr__(self) -> str:
        return f"Embeddings({self.folder!r}, count={self.count}, dimension={self.dimension}, dtype={self.dtype!r})"

    @property
    def dimension(self) -> int:
        """Dimensions of a vector."""
        return int(self.meta["dimension"])

    @property
    def dtype(self) -> str:
        """What vectors are stored as: "float32", "float16" or "int8"."""
        return str(self.meta["dtype"])

    @property
    def model_name(self) -> str:
        """The name of the model."""
        return str(self.meta["model_name"])

    @property
    def model_fingerprint(self) -> str:
        """What the model is known by: see `tiered_st.fingerprint`."""
        return str(self.meta["model_fingerprint"])

    @property
    def rejected(self) -> int:
        """Rows that were set aside, blank ones included: see `set_aside`."""
        return int(self.meta["rejected"])

    def blocks(self, rows: int = 8192) -> Iterator[Block]:
        """Yield all rows in the order of the sources, in blocks that end where a part does.

        Args:
            rows: The most rows in a block, at least 1.

        Raises:
            EmbeddingsError: If a part is missing or cannot be read.
        """
        if rows < 1:
            raise ValueError(f"rows={rows} must be at least 1")
        for file in self._files:
            for batch in self._batches(file, rows):
                texts = batch.column(TEXT).to_pylist() if TEXT in batch.schema.names else None
                yield Block(batch.column(ID).to_pylist(), vectors_of(batch, self.dimension), texts)

    def sample(self, rows: int, seed: int = 0) -> NDArray[np.float32]:
        """Return vectors of rows that are drawn at random from all parts, (min(rows, count), dimension).

        Args:
            rows: How many.
            seed: Of the draw.
        """
        drawn = np.random.default_rng(seed).choice(self.count, min(rows, self.count), replace=False, shuffle=False)
        drawn.sort()
        ends = np.cumsum(self._rows)
        picked = np.empty((len(drawn), self.dimension), dtype=np.float32)
        for number, file in enumerate(self._files):
            first, last = np.searchsorted(drawn, (ends[number] - self._rows[number], ends[number]))
            if first == last:
                continue
            wanted = drawn[first:last] - (ends[number] - self._rows[number])  # rows of this part
            before = 0
            for batch in self._batches(file, 8192, vectors_alone=True):
                low, high = np.searchsorted(wanted, (before, before + batch.num_rows))
                found = vectors_of(batch, self.dimension)
                picked[first + low : first + high] = found[wanted[low:high] - before]
                before += batch.num_rows
        return picked

    def set_aside(self) -> Iterator[dict[str, str]]:
        """Yield the rows of the sources that are not in the parts: "where" each is, and the "reason"."""
        if self.rejected:
            with self._place.open(REJECTED) as file:
                yield from (json.loads(line) for line in file)

    def verify(self, *, ids: bool = False) -> None:
        """Compare every part with the checksum that the manifest has of it.

        Args:
            ids: Also refuse an id that comes twice anywhere, in memory that does not grow with the rows.

        Raises:
            EmbeddingsError: If a part is missing or another than it was, or the id.
        """
        for part in self.meta["parts"]:
            digest = hashlib.sha256()
            try:
                with self._place.open(part["file"]) as file:
                    while data := file.read(1 << 20):
                        digest.update(data)
            except OSError as error:
                raise self._unreadable(part["file"], error.strerror or error) from None
            if digest.hexdigest() != part["sha256"]:
                raise self._unreadable(part["file"], f"its sha256 is {digest.hexdigest()}, not {part['sha256']}")
        if ids and (twice := id_that_comes_twice(self._ids, self.count)) is not None:
            raise EmbeddingsError(f"{self.folder}: the id {twice!r} comes twice. Give the rows ids of their own.")

    def _ids(self) -> Iterator[list[str]]:
        for file in self._files:
            for batch in self._batches(file, 8192, columns=[ID]):
                yield batch.column(ID).to_pylist()

    def _batches(
        self, name: str, rows: int, *, vectors_alone: bool = False, columns: list[str] | None = None
    ) -> Iterator[Any]:
        pa = import_pyarrow()
        try:
            with self._place.open(name) as file:
                found = pa.parquet.ParquetFile(file)
                if vectors_alone:
                    columns = [column for column in (VECTOR, SCALE) if column in found.schema_arrow.names]
                yield from found.iter_batches(batch_size=rows, columns=columns)
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(name, error) from None

    def _rows_of(self, name: str) -> int:
        pa = import_pyarrow()
        try:
            with self._place.open(name) as file:
                return int(pa.parquet.ParquetFile(file).metadata.num_rows)
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(name, error) from None

    def _unreadable(self, name: str, found: object) -> EmbeddingsError:
        cure = "Restore it, or remove it and run the same command again: it embeds what is missing"
        return EmbeddingsError(f"{self._place.path(name)}: {' '.join(str(found).split())}. {cure}.")
