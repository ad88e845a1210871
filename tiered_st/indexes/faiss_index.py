"""Nearest-neighbour search over texts: a FAISS index with string ids, for any model with `encode`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from tiered_st.files import replace_folder
from tiered_st.indexes.adding import add_in_chunks
from tiered_st.indexes.embedder import Embedder
from tiered_st.indexes.encoder import Encoder
from tiered_st.indexes.faiss_vectors import empty_index, nearest, remove_rows
from tiered_st.indexes.first_vectors import FirstVectors
from tiered_st.indexes.hit import Hit
from tiered_st.indexes.index_config import IndexConfig
from tiered_st.indexes.index_files import (
    Record,
    import_faiss,
    read_index_dir,
    refuse_foreign,
    write_index_files,
)
from tiered_st.indexes.records import Records
from tiered_st.indexes.searchable import Searchable
from tiered_st.indexes.uninterrupted import uninterrupted


class FaissIndex(Searchable):
    """Search texts by meaning.

    Vectors are scaled to unit length here, so scores are cosines whether or not the model ends in Normalize. A model's
    prompts for documents and for queries are put before them (see Embedder).

    Any number of threads may search, add, remove and save at once: each query is answered from one state, which holds
    a chunk of `add` whole or not at all. A KeyboardInterrupt leaves such a state too. The model is called without the
    lock, so it must itself allow as many threads as are used.

    Args:
        model: A SentenceTransformer, or anything with its `encode`, or what embeds by one.
        index: An empty, trained FAISS index (flat, HNSW, or one that takes ids, such as IVF) of the model's
            dimension with the inner-product metric. Default: exact search, the only one that keeps the
            earliest of a tie at the cut-off.

    Raises:
        ImportError: If FAISS is not installed.
        ValueError: If `index` does not fit.
    """

    def __init__(self, model: Encoder | Embedder, *, index: Any = None) -> None:
        self._embedder = model if isinstance(model, Embedder) else Embedder(model)
        self.model = self._embedder.model
        self._index = empty_index(self.dimension, index)
        self._records = Records()
        self._lock = threading.RLock()  # of vectors and records, which change together

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:  # vectors too are written down here: a pickler comes to them when the lock is open again
            state = {name: value for name, value in self.__dict__.items() if name != "_lock"}
            vectors = import_faiss().serialize_index(self._index)
            return state | {"_index": vectors, "_records": self._records.copy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.RLock(), _index=import_faiss().deserialize_index(state["_index"]))

    @classmethod
    def build(
        cls,
        model: Encoder,
        records: Iterable[str | tuple[str, str]] | Mapping[str, str],
        *,
        batch_size: int = 256,
        chunk_size: int = 4096,
        progress: bool = False,
        on_batch: Callable[[int], None] | None = None,
        config: IndexConfig | None = None,
        learn_words: bool = False,
    ) -> FaissIndex:
        """Embed and index records; the arguments are those of `add`, and how they are searched.

        Args:
            model: See the class.
            records: See `add`, as are those that follow.
            batch_size: Texts per forward pass.
            chunk_size: Records per call of `encode`.
            progress: Show a progress bar.
            on_batch: Called after each chunk.
            config: "flat" (the default), "hnsw", or "ivf", whose lists are learned from the first records: put them
                in no order. "auto" takes "ivf" above 10,000, and needs records that have a length.
            learn_words: Teach a copy of the model, `index.model`, the words of the records that it does not know (see
                `tiered_st.learn_words`), the most frequent first, numbers left out. They are saved with the index,
                `load` teaches them again; those of records that are added later are not taught.

        Raises:
            ValueError: For a config that needs the disk (see `DiskIndex`) or does not fit, a model that cannot learn.
        """
        first = FirstVectors.of(model, records, batch_size=batch_size, learn_words=learn_words)
        index = cls(first.embedder, index=config and first.index_for(config))
        index._add(first.records, first, batch_size, chunk_size, progress, on_batch)
        return index

    def add(
        self,
        records: Iterable[str | tuple[str, str]] | Mapping[str, str],
        *,
        batch_size: int = 256,
        chunk_size: int = 4096,
        progress: bool = False,
        on_batch: Callable[[int], None] | None = None,
    ) -> int:
        """Embed and append records, read `chunk_size` at a time.

        Args:
            records: Texts or (id, text) pairs, or a mapping of ids to texts; of a table, zip two columns. A bare
                text gets its row number as id: "0", "1", …, without those that are taken.
            batch_size: Texts per forward pass.
            chunk_size: Records per call of `encode`. Each chunk is added whole or, on an error, not at all;
                the chunks before it stay.
            progress: Show a progress bar.
            on_batch: Called after each chunk with the number of records added so far.

        Returns:
            The number of records added.

        Raises:
            ValueError: For an id that is taken, a record that is no text or pair of strings, or a vector that
                is zero or not finite.
            TypeError: If `records` is one string, a table or a set.
        """
        return self._add(records, self._embedder, batch_size, chunk_size, progress, on_batch)

    def remove(self, ids: str | Iterable[str]) -> int:
        """Remove records by id and return how many; all of them or, on an error, none.

        Raises:
            KeyError: If an id is unknown; names up to ten.
            ValueError: If this kind of FAISS index (HNSW) cannot remove.
        """
        ids = list(dict.fromkeys([ids] if isinstance(ids, str) else ids))
        uninterrupted(partial(self._drop, ids))
        return len(ids)

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, id: object) -> bool:
        return id in self._records.rows

    @property
    def ids(self) -> list[str]:
        """All ids, in insertion order."""
        with self._lock:
            return list(self._records.rows)

    def text(self, id: str) -> str:
        """Return the text of a record; KeyError if the id is unknown."""
        with self._lock:
            return self._records.text(id)

    @property
    def embedder(self) -> Embedder:
        """What embeds queries and records."""
        return self._embedder

    @property
    def dimension(self) -> int:
        """Dimensions of a vector."""
        return self._embedder.dimension

    def model_meta(self) -> dict[str, Any]:
        """Return name, fingerprint and prompts of the model, its dimension, and the words that it was taught."""
        return self._embedder.meta() | {"learned_words": self.learned_words}

    def sorted_ids(self) -> list[str]:
        """Return all ids in order of their characters' codes."""
        return sorted(self.ids)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index to a directory, atomically: an index already at `path` is replaced whole or kept.

        Raises:
            IndexFileError: If `path` exists and is not an index directory.
            TimeoutError: If another process is writing `path` and does not come to an end.
        """
        meta = self._embedder.meta()
        with replace_folder(path, accept=refuse_foreign) as folder, self._lock:
            meta |= {"count": len(self), "next_row": self._records.next_row}
            write_index_files(folder, self._index, records=self._records, meta=meta, words=self.learned_words)

    @classmethod
    def load(cls, path: str | os.PathLike[str], model: Encoder, *, check_model: bool = True) -> FaissIndex:
        """Read an index written by `save`.

        Args:
            path: The directory.
            model: The model that built the index; it embeds the queries. Before it was taught (a copy is), or after.
            check_model: Compare the model's fingerprint with the one stored.

        Raises:
            IndexFileError: If a file is missing, damaged or foreign.
            ModelMismatchError: If another model built the index.
        """
        index, records, meta = read_index_dir(path)
        loaded = cls(Embedder.of_index(meta, model, path, check_model=check_model))
        loaded._index = index
        loaded._records.store(records, next_row=meta["next_row"])
        return loaded

    def _hits(self, vectors: np.ndarray, k: int) -> list[list[Hit]]:
        texts = self._records.texts
        with self._lock:  # of texts too: who removes one has it gone when the lock is open again
            found = [(scores, [texts[row] for row in rows]) for scores, rows in nearest(self._index, vectors, k)]
        return [
            [Hit(id, score, text) for score, (id, text) in zip(scores, records, strict=True)]
            for scores, records in found
        ]

    def _add(self, records: Any, embedder: Any, batch_size: int, chunk_size: int, progress: bool, on_batch: Any) -> int:
        return add_in_chunks(
            records, embedder, number=self._number, commit=self._commit,
            batch_size=batch_size, chunk_size=chunk_size, progress=progress, on_batch=on_batch,
        )  # fmt: skip

    def _number(self, chunk: Sequence[Any], start: int) -> list[Record]:
        with self._lock:
            return self._records.numbered(chunk, start)

    def _commit(self, chunk: Sequence[Any], start: int, vectors: np.ndarray) -> None:
        """Add vectors and records together; numbered here, for other threads may have added in the meantime."""
        with self._lock:
            records, before = self._records.numbered(chunk, start), self._index.ntotal
            try:
                self._index.add_with_ids(vectors, np.array([row for row, _, _ in records], dtype=np.int64))
            finally:
                if self._index.ntotal > before:
                    self._records.store(records)

    def _drop(self, ids: Sequence[str]) -> None:
        """Remove vectors and records together."""
        with self._lock:
            rows, before = self._records.rows_of(ids), self._index.ntotal
            try:
                remove_rows(self._index, rows)
            finally:
                if self._index.ntotal < before:
                    self._records.drop(ids)
