"""Embed the first records before there is an index to add them to: its lists are learned from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import replace
from itertools import chain, islice
from typing import Any

import numpy as np
from typing_extensions import Self

from tiered_st.indexes.embedder import Embedder
from tiered_st.indexes.encoder import Encoder
from tiered_st.indexes.index_config import IndexConfig
from tiered_st.indexes.index_files import import_faiss
from tiered_st.indexes.index_inputs import as_records
from tiered_st.indexes.records import numbered


class FirstVectors:
    """An `Embedder` of what is to be added, which gives the vectors that `index_for` has computed instead of again.

    Args:
        embedder: What embeds the others.
        records: Texts or (id, text) pairs, or a mapping of ids to texts.
        batch_size: Texts per forward pass.
    """

    def __init__(self, embedder: Embedder, records: Any, *, batch_size: int) -> None:
        self.embedder, self._batch_size = embedder, batch_size
        self._count = len(records) if isinstance(records, Sized) else None
        self.records: Iterable[str | tuple[str, str]] | Mapping[str, str] = as_records(records)
        self._vectors = np.empty((0, embedder.dimension), dtype=np.float32)

    @classmethod
    def of(cls, model: Encoder, records: Any, *, batch_size: int, learn_words: bool) -> Self:
        """Return an embedder by a model, or by a copy that is taught the words of the records, which are then held.

        Raises:
            ValueError: If a record is none, or the model cannot be taught; says which.
            TypeError: If `learn_words` is neither True nor False.
        """
        if not isinstance(learn_words, bool):
            cure = "the words are those of the records. To teach others, tiered_st.learn_words(model, words) first"
            raise TypeError(f"learn_words={learn_words!r:.80} must be True or False: {cure}")
        if not learn_words:
            return cls(Embedder(model), records, batch_size=batch_size)
        records = list(as_records(records))
        texts = [text for _, _, text in numbered(records, 0, rows={}, next_row=0)]
        return cls(Embedder.taught(model, texts), records, batch_size=batch_size)

    def index_for(self, config: IndexConfig) -> Any:
        """Return an empty, trained FAISS index, or None for exact search.

        Raises:
            ValueError: If it needs the disk, or more to be known about the records; says what.
        """
        disk = "is of an index on disk (DiskIndex.build): FaissIndex keeps whole vectors in RAM"
        for name, refused in (("kind", config.kind == "ivf_pq"), ("rerank", config.rerank is not None)):
            if refused:
                raise ValueError(f"{name}={getattr(config, name)!r} {disk}")
        if config.kind == "flat":
            return None
        dimension, faiss = self.embedder.dimension, import_faiss()
        if config.kind == "hnsw":
            settled = config.settled(0, dimension)
            index = faiss.IndexHNSWFlat(dimension, settled.links, faiss.METRIC_INNER_PRODUCT)
            index.hnsw.efConstruction, index.hnsw.efSearch = settled.construction, settled.depth
            return index
        if self._count is None:
            raise ValueError(f"kind={config.kind!r} goes by the number of records: pass a list, or kind='flat'")
        settled = config.settled(self._count, dimension)
        if settled.kind == "flat":
            return None
        settled = replace(config, kind="ivf").settled(self._count, dimension)  # of "auto" that would go to disk too
        return self._trained(settled)

    def settle(self) -> None:
        """Take down which model this is."""
        self.embedder.settle()

    def __call__(self, texts: Sequence[str], labels: Sequence[str], *, side: str, batch_size: int) -> np.ndarray:
        """Return the unit vectors of texts, (texts, dimension) float32, which come in the order of the records."""
        kept, self._vectors = self._vectors[: len(texts)], self._vectors[len(texts) :]
        if len(kept) == len(texts):
            return kept
        rest = self.embedder(texts[len(kept) :], labels[len(kept) :], side=side, batch_size=batch_size)
        return np.concatenate([kept, rest]) if len(kept) else rest

    def _trained(self, settled: IndexConfig) -> Any:
        """Return an IVF index whose lists are learned from the first records."""
        faiss = import_faiss()
        iterator = iter(self.records)
        first = list(islice(iterator, settled.sample))
        self.records = chain(first, iterator)
        _, ids, texts = map(list, zip(*numbered(first, 0, rows={}, next_row=0), strict=True))
        self._vectors = self.embedder(texts, ids, side="document", batch_size=self._batch_size)
        quantizer = faiss.IndexFlatIP(self.embedder.dimension)
        index = faiss.IndexIVFFlat(quantizer, quantizer.d, settled.lists, faiss.METRIC_INNER_PRODUCT)
        quantizer.this.disown()  # the index frees it
        index.own_fields, index.nprobe = True, settled.probes
        index.cp.seed, index.cp.min_points_per_centroid = settled.seed, 1
        index.cp.max_points_per_centroid = len(first) // index.nlist + 1  # all of them
        index.train(self._vectors)
        return index
