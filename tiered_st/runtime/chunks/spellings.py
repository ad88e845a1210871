"""Read a chunk that is in no list of words again: modules.spellings in numpy, and as a graph."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiered_st.forks import renew_after_fork
from tiered_st.runtime.chunks.learned_words import LearnedWords
from tiered_st.runtime.chunks.spelling_context import SpellingContext, neighbours
from tiered_st.runtime.graph import Graph
from tiered_st.runtime.graph.layers import LEAST_NORM, normalized
from tiered_st.runtime.sentence_pooling import unit
from tiered_st.suspects import NEVER, NOBODY, SuspectCache, Suspects
from tiered_st.text.spelling import LEAST, SpellingList
from tiered_st.text.tokenizer import PAD

_BLOCK = 256  # chunks that are compared with all words at once

Vectors = NDArray[np.float32]


class _Compared(NamedTuple):
    """How chunks compare with the words of the list.

    Attributes:
        scores: (chunks, most candidates), what speaks for the words that may be meant, the likeliest first.
        words: (chunks, most candidates), their places.
        cosine: (chunks, 1), how near the nearest word is.
        weights: (chunks, candidates), of the first of these words in a chunk alone.
        pull: (chunks, 1), how far they pull it.
    """

    scores: Vectors
    words: NDArray[np.int64]
    cosine: Vectors
    weights: Vectors
    pull: Vectors


class Misspelt(NamedTuple):
    """Chunks whose vectors are pulled to those of words of the list.

    Attributes:
        at: (misspelt,), their places.
        words: (misspelt, candidates), the places of the nearest words.
        weights: (misspelt, candidates), what each of these has of what is meant.
        pull: (misspelt, 1), how far they pull.
        asked: the places of these words, and of those that the text will ask about.
    """

    at: NDArray[np.int64]
    words: NDArray[np.int64]
    weights: Vectors
    pull: Vectors
    asked: NDArray[np.int64]


class Spellings:
    """Pull chunks that are in no list to what the words mean that they may be misspellings of.

    The readings of the words are made when the first chunk asks for them, once for all threads.

    Args:
        words: the list.
        read: gives rows of words (words, chars) how they read, (words, width).
        d_sem: of a chunk vector.
        threads: that a product of matrices may take; None for one per core.
        context: what weighs the words by the text, where the model has it: :meth:`in_context` then pulls.
        taught: words that the model was taught: what is nearer to these is left to them.
    """

    def __init__(
        self,
        words: SpellingList,
        read: Callable[[NDArray[np.int64]], Vectors],
        d_sem: int,
        threads: int | None = None,
        context: SpellingContext | None = None,
        taught: LearnedWords | None = None,
    ) -> None:
        self.words, self._read, self._threads, self.context = words, read, threads, context
        self._d_sem = d_sem
        self._session: Any = None
        self._begin(taught)

    def _begin(self, taught: LearnedWords | None) -> None:
        """Know nothing yet that depends on what was taught."""
        self._suspects = SuspectCache()
        self._taught: Vectors | None = None  # (words, width), how they read, of length 1
        if taught is not None and self.context is not None:
            apart = self.context.reader is not None
            self._taught = unit(self._read(taught.rows.astype(np.int64))) if apart else taught.keys
        count = self.words.config.words  # or more than fit: memory that nothing is written to is none of the process's
        self._vectors, self._have = np.empty((count, self._d_sem), np.float32), np.zeros(count, bool)
        self._lock = threading.Lock()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Start anew in a forked process, where a thread that is not in it may have been reading."""
        if self._lock.locked():
            self._lock = threading.Lock()

    def taught(self, words: LearnedWords | None) -> Spellings:
        """Return what shares the list's readings with this one, of a model that was taught other words."""
        other = copy.copy(self)
        other._begin(words)
        return other

    def misspelt(self, rows: NDArray[np.integer]) -> Misspelt | None:
        """Return which of some chunks (chunks, chars) are pulled, and to what; None where no word need be read."""
        at, found, told = self._look_up(rows)
        if self.context is not None:
            self._suspects.tell(rows, told)
        if found is None:
            return None
        some = found.pull[:, 0] > LEAST * self.words.config.share  # for others no word need be read
        if not (some.any() or len(told.at)):
            return None
        weights = found.weights[some]
        nearest = found.words[some, : weights.shape[1]]
        nearest = np.where(weights > 0, nearest, nearest[:, :1])  # words of no weight need not be read
        # With those that the text will ask about: reading a few words more is nothing beside reading twice.
        asked = np.concatenate([nearest.ravel(), told.words.ravel()])
        return Misspelt(at[some], nearest, weights, found.pull[some], asked)

    def pulled(self, vectors: Vectors, misspelt: Misspelt) -> Vectors:
        """Return chunk vectors (chunks, d_sem), those of misspelt ones pulled to what is meant; all words are kept."""
        words = self._vectors[misspelt.words]  # (misspelt, candidates, d_sem)
        means = (misspelt.weights[:, None] @ words)[:, 0]
        out, own = vectors.copy(), vectors[misspelt.at]
        out[misspelt.at] = own + misspelt.pull * (means - own)
        return out

    def in_context(
        self,
        vectors: Vectors,
        ids: NDArray[np.integer],
        vectors_of: Callable[[NDArray[np.int64]], Vectors],
    ) -> Vectors:
        """Return the chunk vectors of texts, those of chunks that may be misspelt pulled to what is meant there.

        Args:
            vectors: (batch, chunks, d_sem), zero where there is no chunk.
            ids: (batch, chunks, chars), the chunks.
            vectors_of: gives rows of words (words, chars) their vectors, (words, d_sem).
        """
        assert self.context is not None
        present = ids[:, :, 0] != PAD
        text, place = present.nonzero()
        found = self._suspects.find(ids[text, place], self._find)
        if not len(found.at):
            return vectors
        text, place = text[found.at], place[found.at]
        if len(new := self.missing(found.words)):
            self.keep(new, vectors_of(self.words.rows[new]))
        around = neighbours(vectors, present.sum(axis=1), text, place, self.context.config.reach)
        out = vectors.copy()
        out[text, place] = self.context(around, vectors[text, place], found.scores, self._vectors[found.words])
        return out

    def missing(self, words: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of these places of the list have words whose vectors are not kept, each once."""
        meant = np.unique(words)
        return meant[~self._have[meant]]

    def keep(self, words: NDArray[np.int64], vectors: Vectors) -> None:
        """Keep the vectors (words, d_sem or more) of the words at these places of the list, for all threads.

        Chunks that come and go would drive them from the cache, and texts full of misspellings need most of them.
        """
        self._vectors[words] = vectors[:, : self._d_sem]
        self._have[words] = True  # behind the vectors: another thread may look at once

    def _find(self, rows: NDArray[np.int64]) -> Suspects:
        """Return which chunks (chunks, chars) may be misspelt, and the words that they may be misspellings of."""
        return self._look_up(rows)[2]

    def _look_up(self, rows: NDArray[np.integer]) -> tuple[NDArray[np.int64], _Compared | None, Suspects]:
        """Return the places of doubtful chunks, how they compare, None without any, and what a context is told."""
        at = self.words.doubtful(rows)
        if not len(at):
            return at, None, NOBODY
        queries = self._read(rows[at].astype(np.int64, copy=False))
        found = self._compared(queries)
        return at, found, NOBODY if self.context is None else self._told(found, queries, at)

    def _compared(self, queries: Vectors) -> _Compared:
        """Compare readings of chunks (chunks, width) with those of the words."""
        run = partial(self.session().run, None)
        parts = [run({"queries": queries[i : i + _BLOCK]}) for i in range(0, len(queries), _BLOCK)]
        return _Compared(*(np.concatenate(values) for values in zip(*parts, strict=True)))

    def _told(self, found: _Compared, queries: Vectors, at: NDArray[np.int64]) -> Suspects:
        """Return what is told of chunks at places (chunks,), but for those nearer to a taught word or far from all."""
        assert self.context is not None
        count, margin = self.context.config.candidates, self.context.config.margin
        scores, words = found.scores[:, :count], found.words[:, :count]
        far = scores < scores[:, :1] - margin
        words = np.where(far, words[:, :1], words)  # what is not meant need not be read
        least = np.float32(self.context.config.least)
        if self._taught is not None:
            lengths = np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), LEAST_NORM)
            least = np.maximum((queries / lengths @ self._taught.T).max(axis=1), least)
        near = found.cosine[:, 0] >= least
        return Suspects(at[near], np.where(far, np.float32(NEVER), scores)[near], words[near])

    def session(self) -> Any:
        """Return what compares chunks with the words."""
        if self._session is None:
            with self._lock:
                if self._session is None:
                    self._session = self._graph(self._read(self.words.rows)).session(self._threads)
        return self._session

    def _graph(self, readings: Vectors) -> Graph:
        graph, config, width = Graph(), self.words.config, readings.shape[1]
        most = config.candidates if self.context is None else max(config.candidates, self.context.config.candidates)
        keys = readings / np.maximum(np.linalg.norm(readings, axis=1, keepdims=True), LEAST_NORM)
        queries = graph.input("queries", np.float32, ("chunks", width))
        cosines = graph.op("MatMul", normalized(graph, queries), graph.constant(keys.T))  # (chunks, words)
        cosine = graph.op("ReduceMax", cosines, graph.ints(1), keepdims=1)
        sharpness = graph.constant(config.sharpness)
        expected = graph.constant(self.words.expected - np.float32(config.sharpness * config.near))
        score = graph.op("Add", graph.op("Mul", cosines, sharpness), expected)
        count = min(most, len(keys))
        best, places = graph.ops("TopK", score, graph.ints(count), results=2, axis=1)
        first = graph.op("Slice", best, graph.ints(0), graph.ints(config.candidates), graph.ints(1))
        shares = graph.op("Sub", graph.op("Softmax", first, axis=1), graph.constant(config.floor))
        shares = graph.op("Relu", shares)
        weights = graph.op("Div", shares, graph.op("ReduceSum", shares, graph.ints(1), keepdims=1))
        near = graph.op("Mul", graph.op("Sub", cosine, graph.constant(config.near)), sharpness)
        pull = graph.op("Mul", graph.op("Sigmoid", near), graph.constant(config.share))
        graph.output(best, "scores", np.float32, ("chunks", count))
        graph.output(places, "words", np.int64, ("chunks", count))
        graph.output(cosine, "cosine", np.float32, ("chunks", 1))
        graph.output(weights, "weights", np.float32, ("chunks", min(config.candidates, count)))
        graph.output(pull, "pull", np.float32, ("chunks", 1))
        return graph
