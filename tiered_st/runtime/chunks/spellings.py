"""Read a chunk that is in no list of words again: modules.spellings in numpy, and as a graph."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.forks import renew_after_fork
from tiered_st.runtime.graph import Graph
from tiered_st.runtime.graph.layers import LEAST_NORM, normalized
from tiered_st.text.spelling import LEAST, SpellingList

_BLOCK = 256  # chunks that are compared with all words at once

Vectors = NDArray[np.float32]


class Spellings:
    """Pull chunks that are in no list to what the words mean that they may be misspellings of.

    E1's readings of the words are made when the first chunk asks for them, once for all threads.

    Args:
        words: the list.
        read: gives rows of words (words, chars) E1's readings of them, (words, width).
        threads: that a product of matrices may take; None for one per core.
    """

    def __init__(
        self, words: SpellingList, read: Callable[[NDArray[np.int64]], Vectors], threads: int | None = None
    ) -> None:
        self.words, self._read, self._threads = words, read, threads
        self._session: Any = None
        self._lock = threading.Lock()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Start anew in a forked process, where a thread that is not in it may have been reading."""
        if self._lock.locked():
            self._lock = threading.Lock()

    def __call__(
        self,
        vectors: Vectors,
        queries: Vectors,
        rows: NDArray[np.integer],
        vectors_of: Callable[[NDArray[np.int64]], Vectors],
    ) -> Vectors:
        """Return chunk vectors (chunks, d_sem), those of chunks that may be misspelt pulled to what is meant.

        Args:
            vectors: (chunks, d_sem), as they are without.
            queries: (chunks, width), how E1 reads the chunks.
            rows: (chunks, chars), the chunks.
            vectors_of: gives rows of words (words, chars) their vectors, (words, d_sem).
        """
        at = self.words.doubtful(rows)
        if not len(at):
            return vectors
        run = partial(self.session().run, None)
        parts = [run({"queries": queries[at[i : i + _BLOCK]]}) for i in range(0, len(at), _BLOCK)]
        weights, pull, nearest = (np.concatenate(values) for values in zip(*parts, strict=True))
        some = pull[:, 0] > LEAST * self.words.config.share  # for others no word need be read
        at, weights, pull, nearest = at[some], weights[some], pull[some], nearest[some]
        if not len(at):
            return vectors
        nearest = np.where(weights > 0, nearest, nearest[:, :1])  # words of no weight need not be read
        meant, which = np.unique(nearest, return_inverse=True)
        words = vectors_of(self.words.rows[meant])[which.reshape(nearest.shape)]  # (doubtful, candidates, d_sem)
        means = (weights[:, None] @ words)[:, 0]
        out, own = vectors.copy(), vectors[at]
        out[at] = own + pull * (means - own)
        return out

    def session(self) -> Any:
        """Return what compares chunks with the words."""
        if self._session is None:
            with self._lock:
                if self._session is None:
                    self._session = self._graph(self._read(self.words.rows)).session(self._threads)
        return self._session

    def _graph(self, readings: Vectors) -> Graph:
        graph, config, width = Graph(), self.words.config, readings.shape[1]
        keys = readings / np.maximum(np.linalg.norm(readings, axis=1, keepdims=True), LEAST_NORM)
        queries = graph.input("queries", np.float32, ("chunks", width))
        keyed = graph.constant(config.sharpness * keys.T)
        closeness = graph.op("MatMul", normalized(graph, queries), keyed)  # (chunks, words)
        nearest = graph.op("ReduceMax", closeness, graph.ints(1), keepdims=1)
        near = graph.op("Sub", nearest, graph.constant(config.sharpness * config.near))
        score = graph.op("Add", closeness, graph.constant(self.words.expected))
        count = min(config.candidates, len(keys))
        best, places = graph.ops("TopK", score, graph.ints(count), results=2, axis=1)
        shares = graph.op("Sub", graph.op("Softmax", best, axis=1), graph.constant(config.floor))
        shares = graph.op("Relu", shares)
        weights = graph.op("Div", shares, graph.op("ReduceSum", shares, graph.ints(1), keepdims=1))
        graph.output(weights, "weights", np.float32, ("chunks", count))
        pull = graph.op("Mul", graph.op("Sigmoid", near), graph.constant(config.share))
        graph.output(pull, "pull", np.float32, ("chunks", 1))
        graph.output(places, "nearest", np.int64, ("chunks", count))
        return graph
