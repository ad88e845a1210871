"""Embed documents longer than a model reads, from streams that need not fit in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.documents.passages import Passage, PassageCutter
from tiered_st.indexes.index_inputs import refuse_inputs
from tiered_st.text import TextReader

_CHUNKS = 128  # about ten sentences
_LEAST = 20  # a single character can be normalised into 18 letters, each of them a chunk to a learned chunker


@dataclass(frozen=True)
class LongDocument:
    """Hold the passages of one document and their embeddings."""

    passages: list[Passage]
    embeddings: NDArray[np.float32]  # (passages, d)

    @property
    def vector(self) -> NDArray[np.float32]:
        """The document's vector: the mean of its passages', weighted by their characters, at unit length, (d,)."""
        weights = np.array([max(1, passage.end - passage.start) for passage in self.passages], dtype=np.float32)
        mean = weights @ self.embeddings / weights.sum()
        return mean / max(float(np.linalg.norm(mean)), 1e-12)


@dataclass
class _Pending:
    """A document on its way through the batches."""

    passages: list[Passage] = field(default_factory=list)
    vectors: list[NDArray[np.float32]] = field(default_factory=list)
    read: bool = False  # whether its last passage was cut

    def is_done(self) -> bool:
        return self.read and len(self.vectors) == len(self.passages)


def encode_long(
    model: Any,
    documents: Iterable[str | Iterable[str]],
    *,
    chunks: int | None = None,
    overlap: int = 0,
    batch_size: int = 32,
    prompt: str | None = None,
    keep_text: bool = True,
) -> Iterator[LongDocument]:
    """Cut documents of any length into passages and embed them, lazily and in order.

    Passages are batched across documents, and the chunk vectors of frequent words are computed once for the whole
    stream (``cache_size``). In memory are one batch of passages, what the current document's next passage needs, and
    what is handed back; documents are read only as far as that.

    Args:
        model: a model of tiered_st, or what has the ``reader`` (TextReader) that it reads by, ``prompts``,
            ``default_prompt_name``, and an ``encode`` that takes ``prompt`` and ``max_length``.
        documents: each one a string, an open text file, or an iterable of strings that are read one after the other.
        chunks: most chunks in a passage, up to ``max_chunks``; by default as many as ``max_seq_length`` has room for,
            but no more than 128.
        overlap: most chunks that a passage shares with the one before; less than half of ``chunks``. Without one,
            passages tile the document.
        batch_size: passages embedded at once.
        prompt: put before each passage; by default the model's own.
        keep_text: keep the passages' texts; without, a stream's memory is its vectors and offsets.

    Yields:
        A :class:`LongDocument` per document. An empty one has a single empty passage.

    Raises:
        ValueError: if a setting does not fit the model, a document is no text, or documents are a mapping.
        TypeError: if documents are a table or a set.
    """
    if isinstance(documents, str) or hasattr(documents, "read"):
        raise ValueError("documents is a single document: give an iterable of documents, such as [document].")
    if isinstance(documents, Mapping):
        raise ValueError("documents is a mapping, which iterates over its keys: give its texts, list(….values()).")
    refuse_inputs("documents", documents, pairs=False)
    for name, value in (("chunks", chunks), ("overlap", overlap), ("batch_size", batch_size)):
        if isinstance(value, bool) or (not isinstance(value, (int, np.integer)) and (name, value) != ("chunks", None)):
            raise ValueError(f"{name}={value!r} is a {type(value).__name__}: give a whole number.")
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} must be at least 1.")
    cutter = _cutter(model, chunks, overlap, prompt)
    return _encode(model, documents, cutter, batch_size=batch_size, keep_text=keep_text)


def _cutter(model: Any, chunks: int | None, overlap: int, prompt: str | None) -> PassageCutter:
    """Return the cutter of these settings, checked against what the model reads."""
    tiers = _tiers_of(model)
    reader = tiers.reader
    if prompt is None:
        prompt = model.prompts.get(model.default_prompt_name or "") or ""
    taken = int(reader.read([prompt]).attention_mask.sum())  # BEGIN, FINISH and the prompt
    limit = reader.settings.max_chunks - taken
    chunks = min(_CHUNKS, reader.limit - taken) if chunks is None else chunks
    if not _LEAST <= chunks <= limit:
        raise ValueError(
            f"chunks={chunks} must lie between {_LEAST} and {limit}, what this model reads at once besides BEGIN, "
            "FINISH and prompt."
        )
    if not 0 <= 2 * overlap < chunks:
        raise ValueError(f"overlap={overlap} must lie between 0 and less than half of chunks={chunks}.")
    return PassageCutter(tiers, chunks, overlap=overlap, prompt=prompt)


def _tiers_of(model: Any) -> Any:
    """Return what has a reader: a model itself, or the first module of one."""
    whole = getattr(model, "module", model)  # which a distributed wrapper holds
    tiers = whole if hasattr(whole, "reader") or not hasattr(whole, "__getitem__") else whole[0]
    if not isinstance(getattr(tiers, "reader", None), TextReader):
        raise ValueError(
            f"Documents are cut as a model reads them, but a {type(tiers).__name__} has no TextReader: give a model of "
            "tiered_st."
        )
    return tiers


def _encode(
    model: Any,
    documents: Iterable[str | Iterable[str]],
    cutter: PassageCutter,
    *,
    batch_size: int,
    keep_text: bool,
) -> Iterator[LongDocument]:
    max_length = cutter.room + 2  # its own chunks, the prompt's, BEGIN and FINISH, whatever max_seq_length is
    waiting: deque[_Pending] = deque()  # documents in order, the first not yet handed back
    batch: list[tuple[_Pending, str]] = []

    def embed() -> None:
        texts = [text for _, text in batch]
        vectors = model.encode(
            texts, batch_size=batch_size, prompt=cutter.prompt, show_progress_bar=False, max_length=max_length
        )
        for (document, _), vector in zip(batch, vectors, strict=True):
            document.vectors.append(vector)
        batch.clear()

    def done() -> Iterator[LongDocument]:
        while waiting and waiting[0].is_done():
            document = waiting.popleft()
            yield LongDocument(document.passages, np.stack(document.vectors))

    for pieces in documents:
        document = _Pending()
        waiting.append(document)
        for passage in cutter(pieces):
            document.passages.append(passage if keep_text else Passage(passage.start, passage.end, ""))
            batch.append((document, passage.text))
            if len(batch) == batch_size:
                embed()
                yield from done()
        document.read = True
        yield from done()
    if batch:
        embed()
    yield from done()
