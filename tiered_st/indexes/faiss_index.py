"""Nearest-neighbour search over texts: a FAISS index with string ids, for any model with `encode`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import Any, Protocol, overload

import numpy as np
from tqdm.auto import tqdm

from tiered_st.files import replace_folder
from tiered_st.fingerprint import PROBE, difference, model_fingerprint
from tiered_st.indexes.index_files import (
    IndexFileError,
    ModelMismatchError,
    import_faiss,
    read_index_dir,
    refuse_foreign,
    write_index_files,
)
from tiered_st.indexes.index_inputs import as_queries, as_records, cure_for

__all__ = ["FaissIndex", "Hit", "IndexFileError", "ModelMismatchError", "model_fingerprint"]

TIE = 1e-6  # two float32 cosines of the same vectors, summed in another order, differ by less
BLOCK = 1024  # queries, or rows to score again, held at once


class Encoder(Protocol):
    """Anything with `encode(texts, batch_size=…, show_progress_bar=…)` that returns (texts, dimension)."""

    @property
    def encode(self) -> Callable[..., Any]: ...


@dataclass(frozen=True)
class Hit:
    """One search result; `score` is the cosine similarity, -1 to 1."""

    id: str
    score: float
    text: str


class FaissIndex:
    """Search texts by meaning.

    Vectors are scaled to unit length here, so scores are cosines whether or not the model ends in Normalize.

    Any number of threads may search, add, remove and save at once: each query is answered from one state, which holds
    a chunk of `add` whole or not at all. A KeyboardInterrupt leaves such a state too. The model is called without the
    lock, so it must itself allow as many threads as are used.

    Args:
        model: A SentenceTransformer, or anything with its `encode`.
        index: An empty, trained FAISS index (flat, HNSW, or one that takes ids, such as IVF) of the model's
            dimension with the inner-product metric. Default: exact search, the only one that keeps the
            earliest of a tie at the cut-off.

    Raises:
        ImportError: If FAISS is not installed.
        ValueError: If `index` does not fit.
    """

    def __init__(self, model: Encoder, *, index: Any = None) -> None:
        faiss = import_faiss()
        self.model = model
        self.dimension = _dimension(model)
        if index is None:
            index = faiss.IndexFlatIP(self.dimension)
        if index.d != self.dimension:
            raise ValueError(f"index has {index.d} dimensions, the model has {self.dimension}")
        if index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise ValueError("index must use faiss.METRIC_INNER_PRODUCT: scores are cosines")
        if index.ntotal or not index.is_trained:
            raise ValueError("index must be trained and empty: add() stores the texts along with the vectors")
        if isinstance(index, (faiss.IndexFlatCodes, faiss.IndexHNSW)):  # unlike IVF, these take no ids
            index = faiss.IndexIDMap2(index)
        self._adopt(index)
        self._rows: dict[str, int] = {}  # id → row number, in insertion order
        self._records: dict[int, tuple[str, str]] = {}  # row number → (id, text)
        self._next_row = 0  # not reused after remove(): row numbers are the order of insertion
        self._fingerprint = ""
        self._lock = threading.RLock()  # of the FAISS index and the three above, which change together

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:  # vectors too are written down here: a pickler comes to them when the lock is open again
            state = {name: value for name, value in self.__dict__.items() if name != "_lock"}
            vectors = import_faiss().serialize_index(self._index)
            return state | {"_index": vectors, "_rows": dict(self._rows), "_records": dict(self._records)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        index = import_faiss().deserialize_index(state["_index"])
        self.__dict__.update(state, _index=index, _lock=threading.RLock())

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
    ) -> FaissIndex:
        """Embed and index records; the arguments are those of `add`."""
        index = cls(model)
        index.add(records, batch_size=batch_size, chunk_size=chunk_size, progress=progress, on_batch=on_batch)
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
        records = as_records(records)
        if batch_size < 1 or chunk_size < 1:
            raise ValueError(f"batch_size {batch_size} and chunk_size {chunk_size} must be at least 1")
        if not self._fingerprint:  # now, not in save(): the model may be trained further in between
            self._fingerprint = model_fingerprint(self.model)
        iterator, added = iter(records), 0
        total = len(records) if isinstance(records, Sized) else None
        with tqdm(total=total, unit="text", disable=not progress) as bar:
            while chunk := list(islice(iterator, chunk_size)):
                _, ids, texts = map(list, zip(*self._number(chunk, added), strict=True))
                vectors = self._embed(texts, ids, batch_size=batch_size)
                _uninterrupted(partial(self._commit, chunk, added, vectors))
                added += len(chunk)
                bar.update(len(chunk))
                if on_batch is not None:
                    on_batch(added)
        return added

    def remove(self, ids: str | Iterable[str]) -> int:
        """Remove records by id and return how many; all of them or, on an error, none.

        Raises:
            KeyError: If an id is unknown; names up to ten.
            ValueError: If this kind of FAISS index (HNSW) cannot remove.
        """
        ids = list(dict.fromkeys([ids] if isinstance(ids, str) else ids))
        _uninterrupted(partial(self._drop, ids))
        return len(ids)

    @overload
    def search(self, queries: str, k: int = 10) -> list[Hit]: ...  # type: ignore[overload-overlap]

    @overload
    def search(self, queries: Sequence[str], k: int = 10) -> list[list[Hit]]: ...

    def search(self, queries: str | Sequence[str], k: int = 10) -> list[Hit] | list[list[Hit]]:
        """Return the `k` nearest records, best first; equal scores in order of insertion.

        Args:
            queries: One text, or several.
            k: Hits per query; fewer come back when the index holds fewer.

        Returns:
            A list of hits for one text, a list of such lists for several.

        Raises:
            ValueError: If `k` is below 1, a query is no text, or its vector is zero or not finite.
            TypeError: If `queries` is a mapping, a table or a set.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        if isinstance(queries, str):
            return self.search([queries], k)[0]
        texts = as_queries(queries)
        hits: list[list[Hit]] = []
        for start in range(0, len(texts), BLOCK):
            block = texts[start : start + BLOCK]
            if not len(self):
                hits += [[] for _ in block]
                continue
            vectors = self._embed(block, block, batch_size=256)
            with self._lock:  # it may be empty by now
                nearest = self._nearest(vectors, min(k, len(self))) if len(self) else (([], []) for _ in block)
                for scores, rows in nearest:
                    found = [(score, *self._records[row]) for score, row in zip(scores, rows, strict=True)]
                    hits.append([Hit(id, score, text) for score, id, text in found])
        return hits

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, id: object) -> bool:
        return id in self._rows

    @property
    def ids(self) -> list[str]:
        """All ids, in insertion order."""
        with self._lock:
            return list(self._rows)

    def text(self, id: str) -> str:
        """Return the text of a record; KeyError if the id is unknown."""
        with self._lock:
            if id not in self._rows:
                raise KeyError(f"unknown id: {id!r}")
            return self._records[self._rows[id]][1]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index to a directory, atomically: an index already at `path` is replaced whole or kept.

        Raises:
            IndexFileError: If `path` exists and is not an index directory.
            TimeoutError: If another process is writing `path` and does not come to an end.
        """
        meta: dict[str, Any] = {
            "dimension": self.dimension,
            "metric": "cosine",
            "model_fingerprint": self._fingerprint or model_fingerprint(self.model),
            "model_name": _model_name(self.model),
            "library_version": _library_version(),
        }
        with replace_folder(path, accept=refuse_foreign) as folder, self._lock:
            meta |= {"count": len(self), "next_row": self._next_row}
            records = ((row, id, text) for row, (id, text) in self._records.items())
            write_index_files(folder, self._index, records=records, meta=meta)

    @classmethod
    def load(cls, path: str | os.PathLike[str], model: Encoder, *, check_model: bool = True) -> FaissIndex:
        """Read an index written by `save`.

        Args:
            path: The directory.
            model: The model that built the index; it embeds the queries.
            check_model: Compare the model's fingerprint with the one stored.

        Raises:
            IndexFileError: If a file is missing, damaged or foreign.
            ModelMismatchError: If another model built the index.
        """
        index, records, meta = read_index_dir(path)
        loaded = cls(model)
        built_by = f"{path}: built by {meta['model_name']!r}"
        cure = "Load it with that model, or build the index again"
        if meta["dimension"] != loaded.dimension:
            found = f"with {meta['dimension']} dimensions, this model has {loaded.dimension}"
            raise ModelMismatchError(f"{built_by} {found}. {cure}.")
        if check_model and (differs := difference(meta["model_fingerprint"], model)):
            raise ModelMismatchError(f"{built_by} {differs}. {cure} (check_model=False skips this check).")
        loaded._adopt(index)
        loaded._store(records)
        loaded._next_row, loaded._fingerprint = meta["next_row"], meta["model_fingerprint"]
        return loaded

    def _adopt(self, index: Any) -> None:
        faiss = import_faiss()
        self._index = index
        inner = faiss.downcast_index(index.index) if isinstance(index, faiss.IndexIDMap2) else index
        self._exact = isinstance(inner, faiss.IndexFlatIP)

    def _number(self, chunk: Sequence[Any], start: int) -> list[tuple[int, str, str]]:
        """Check a chunk of records, the first of which is number `start`, and give each its row number and id."""
        rows: dict[str, tuple[int, str, str]] = {}
        with self._lock:
            row = self._next_row
            for place, record in enumerate(chunk, start):
                while isinstance(record, str) and (str(row) in rows or str(row) in self._rows):
                    row += 1  # someone's own id
                pair = (str(row), record) if isinstance(record, str) else record
                is_pair = isinstance(pair, (tuple, list)) and len(pair) == 2
                if not is_pair or not all(isinstance(part, str) for part in pair):
                    cure = cure_for(pair[1] if is_pair else pair)
                    raise ValueError(f"record {place}: expected a text or an (id, text) pair, got {record!r:.80}{cure}")
                id, text = map(str, pair)  # of numpy's strings too
                if (taken := rows[id][0] if id in rows else self._rows.get(id)) is not None:
                    cure = ": texts without an id get such numbers, so give every text one" if id == str(taken) else ""
                    raise ValueError(f"record {place}: duplicate id {id!r}{cure}")
                rows[id] = (row, id, text)
                row += 1
        return list(rows.values())

    def _commit(self, chunk: Sequence[Any], start: int, vectors: np.ndarray) -> None:
        """Add vectors and records together; numbered here, for other threads may have added in the meantime."""
        with self._lock:
            rows, before = self._number(chunk, start), self._index.ntotal
            try:
                self._index.add_with_ids(vectors, np.array([row for row, _, _ in rows], dtype=np.int64))
            finally:
                if self._index.ntotal > before:
                    self._store(rows)

    def _drop(self, ids: Sequence[str]) -> None:
        """Remove vectors and records together."""
        with self._lock:
            if unknown := [id for id in ids if id not in self._rows]:
                raise KeyError(f"unknown ids: {', '.join(map(repr, unknown[:10]))} ({len(unknown)} in all)")
            if not ids:
                return
            before = self._index.ntotal
            try:
                self._index.remove_ids(np.array([self._rows[id] for id in ids], dtype=np.int64))
            except RuntimeError as err:
                raise ValueError(f"this kind of FAISS index cannot remove: build it again ({err})") from err
            finally:
                if self._index.ntotal < before:
                    for id in ids:
                        del self._records[self._rows.pop(id)]

    def _store(self, rows: Sequence[tuple[int, str, str]]) -> None:
        for row, id, text in rows:
            self._rows[id], self._records[row] = row, (id, text)
            self._next_row = row + 1

    def _embed(self, texts: list[str], labels: list[str], *, batch_size: int) -> np.ndarray:
        """Return unit vectors, (texts, dimension) float32; an error names the text by its label."""
        encoded = self.model.encode(texts, batch_size=batch_size, show_progress_bar=False)
        vectors = np.asarray(encoded, dtype=np.float64)  # (texts, dimension); float64: no square overflows
        if vectors.shape != (len(texts), self.dimension):
            raise ValueError(f"encode gave shape {vectors.shape}, expected {(len(texts), self.dimension)}")
        norms = np.linalg.norm(vectors, axis=1)  # (texts,)
        bad = np.flatnonzero(~(np.isfinite(norms) & (norms > 0)))
        if bad.size:
            raise ValueError(f"the vector of {labels[bad[0]]!r:.80} is zero or not finite: it has no cosine")
        return np.ascontiguousarray(vectors / norms[:, None], dtype=np.float32)

    def _nearest(self, vectors: np.ndarray, k: int) -> Iterable[tuple[list[float], list[int]]]:
        """Yield the scores and row numbers of the best `k`, for each unit vector of (queries, dimension)."""
        fetch = min(len(self), k + 1)
        for query, scores, rows in zip(vectors, *self._index.search(vectors, fetch), strict=True):
            wide = fetch
            # At its cut-off FAISS keeps any members of a tie: fetch on until the whole tie is in.
            while self._exact and wide < len(self) and scores[-1] > scores[k - 1] - TIE:
                wide = min(len(self), 4 * wide)
                scores, rows = (array[0] for array in self._index.search(query[None], wide))
            found = rows >= 0  # an approximate index pads with -1
            scores, rows = scores[found], rows[found]
            if self._exact:
                scores = self._rescore(query, rows)
            order = np.lexsort((rows, -scores))[:k]
            yield scores[order].astype(np.float64).clip(-1, 1).tolist(), rows[order].tolist()

    def _rescore(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return cosines, (rows,) float64; BLAS may score equal vectors unequally, a sum per row does not."""
        blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
        wide = query.astype(np.float64)
        return np.concatenate([(self._index.reconstruct_batch(b) * wide).sum(axis=1) for b in blocks])


def _uninterrupted(action: Callable[[], None]) -> None:
    """Run `action` where no Ctrl-C stops it half-way: signals reach the main thread alone, so in another."""
    if threading.current_thread() is not threading.main_thread():
        action()
        return
    outcome: Future[None] = Future()

    def run() -> None:
        if not outcome.set_running_or_notify_cancel():
            return
        try:
            action()
            outcome.set_result(None)
        except BaseException as error:
            outcome.set_exception(error)

    try:
        threading.Thread(target=run, name="tiered_st.index").start()
        outcome.result()
    finally:
        if not outcome.cancel():  # it has begun, so let it come to its end
            wait([outcome])


def _dimension(model: Any) -> int:
    for name in ("get_embedding_dimension", "get_sentence_embedding_dimension"):
        if hasattr(model, name) and (dimension := getattr(model, name)()) is not None:
            return int(dimension)
    return int(np.asarray(model.encode([PROBE])).shape[1])


def _model_name(model: Any) -> str:
    card = getattr(model, "model_card_data", None)
    return str(getattr(card, "model_name", None) or getattr(card, "base_model", None) or type(model).__name__)


def _library_version() -> str:
    try:
        return version("tiered-st")
    except PackageNotFoundError:  # a checkout that was never installed
        return "unknown"
