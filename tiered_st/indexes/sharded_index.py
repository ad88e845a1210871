"""One search over several indexes: on several disks, in RAM, or both."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.indexes.disk import DiskIndex
from tiered_st.indexes.embedder import Embedder
from tiered_st.indexes.faiss_index import FaissIndex
from tiered_st.indexes.hit import Hit
from tiered_st.indexes.index_files import ModelMismatchError
from tiered_st.indexes.searchable import Searchable


class ShardedIndex(Searchable):
    """Search several indexes as if they were one: a query is embedded once, and the best hits of all come back.

    Hits are merged by their cosines, which every shard computes from whole vectors. (FAISS's own IndexShards merges
    before that: scores of codes, and row numbers that say nothing outside their shard.) A hit of an earlier shard comes
    first in a tie.

    An id names one record, so one that stands in two shards is refused: `add` and `remove` are the shards' own, and
    whoever asks for an id has to get the one that was meant. Give ids of several origins a prefix each.

    Args:
        shards: Indexes of one model.
        check_ids: Look for ids that stand in two shards, which reads all ids in order (about a second for a million).
            Without it, and for what is added later, two hits of one id are refused by the search that finds both.

    Raises:
        ValueError: If there is no shard, or an id stands in two; says which.
        ModelMismatchError: If the shards were built by different models.
    """

    def __init__(self, shards: Sequence[DiskIndex | FaissIndex], *, check_ids: bool = True) -> None:
        self.shards = list(shards)
        if not self.shards:
            raise ValueError("shards is empty: give at least one index")
        first = self.shards[0].model_meta()
        for number, shard in enumerate(self.shards[1:], 1):
            _refuse_other_model(first, shard.model_meta(), number)
        if check_ids:
            self._refuse_twice()

    @property
    def dimension(self) -> int:
        """Dimensions of a vector."""
        return self.shards[0].dimension

    @property
    def embedder(self) -> Embedder | None:
        """That of the first shard which has a model."""
        return next((shard.embedder for shard in self.shards if shard.embedder is not None), None)

    def __len__(self) -> int:
        return sum(map(len, self.shards))

    def __contains__(self, id: object) -> bool:
        return any(id in shard for shard in self.shards)

    @property
    def ids(self) -> Iterator[str]:
        """All ids, shard by shard in insertion order."""
        return (id for shard in self.shards for id in shard.ids)

    def text(self, id: str) -> str:
        """Return the text of a record; KeyError if no shard has the id."""
        for shard in self.shards:
            if id in shard:
                return shard.text(id)
        raise KeyError(f"unknown id: {id!r}")

    def _hits(self, vectors: NDArray[np.float32], k: int) -> list[list[Hit]]:
        answers = [shard.search_vectors(vectors, k) for shard in self.shards]
        return [_merged(list(of_query), k) for of_query in zip(*answers, strict=True)]

    def _refuse_twice(self) -> None:
        streams = [zip(shard.sorted_ids(), repeat(number)) for number, shard in enumerate(self.shards)]
        for (id, one), (same, other) in pairwise(heapq.merge(*streams)):
            if id == same:
                raise ValueError(f"the id {id!r} stands in shards {one} and {other}: give each a prefix of its own")


def _merged(hits: list[list[Hit]], k: int) -> list[Hit]:
    best = list(islice(heapq.merge(*hits, key=lambda hit: -hit.score), k))
    seen: set[str] = set()
    for hit in best:
        if hit.id in seen:
            raise ValueError(f"the id {hit.id!r} stands in two shards: remove it from one, or give each a prefix")
        seen.add(hit.id)
    return best


def _refuse_other_model(first: dict[str, Any], other: dict[str, Any], number: int) -> None:
    taught, also = first.get("learned_words", []), other.get("learned_words", [])
    if taught != also:
        found = f"shard 0 has taught its model {len(taught):,} words, shard {number} other {len(also):,}"
        cure = "teach one model the words of all (tiered_st.learn_words), and build every shard with it"
        raise ModelMismatchError(f"shards of different models: {found}. A query is embedded once: {cure}.")
    for key in ("dimension", "model_fingerprint", "prompts"):
        if (ours := first.get(key) or {}) != (theirs := other.get(key) or {}):
            names = f"shard 0 by {first['model_name']!r}, shard {number} by {other['model_name']!r}"
            raise ModelMismatchError(f"shards of different models ({key} {ours!r:.80} and {theirs!r:.80}): {names}.")
