"""Encode chunks by E1 and the projector: hashing in numpy, then one ONNX graph, and one for learned words."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiered_st.config import TieredConfig
from tiered_st.runtime.chunks import char_encoder
from tiered_st.runtime.chunks.char_pooling import mean_over
from tiered_st.runtime.chunks.char_span import SPANS
from tiered_st.runtime.chunks.chunk_projector import chunk_projector
from tiered_st.runtime.chunks.chunk_quantization import QUANTIZATIONS
from tiered_st.runtime.chunks.hashed_ngrams import NgramBuckets
from tiered_st.runtime.chunks.learned_words import LearnedWords
from tiered_st.runtime.chunks.spelling_context import SpellingReader
from tiered_st.runtime.graph import Graph, block_product, product
from tiered_st.runtime.graph.layers import layer_norm
from tiered_st.runtime.stored_weights import StoredWeights
from tiered_st.teaching.pupil import Reading
from tiered_st.text.tokenizer import END, PAD, START

_BLOCK = 64  # chunks encoded at a time, whose scores of all slots of the memory are in memory at once
_SHORT = 9  # chunks of at most this many ids (most words) are encoded apart from the longer ones
_PRODUCTS = {"float32": product, "int8": block_product}


class Encoded(NamedTuple):
    """What E1 and the projector make of chunks, before words that were taught pull at them.

    Attributes:
        vectors: (chunks, columns), as they are if nothing does.
        queries: (chunks, width), how E1 reads them.
        unknown: (chunks,), how far the memory knows none of its words in each.
        plain: (chunks, d_sem), the chunk vectors, not coarsened.
    """

    vectors: NDArray[np.float32]
    queries: NDArray[np.float32]
    unknown: NDArray[np.float32]
    plain: NDArray[np.float32]

    def at(self, places: slice) -> Encoded:
        """Return what is made of some of the chunks."""
        return Encoded(*(value[places] for value in self))


class ChunkEncoder:
    """Map rows of ids to chunk vectors, each on its own.

    Args:
        config: the model's configuration.
        weights: those of the model's first module.
        threads: that a product of matrices may take; None for one per core.
        learned_words: the settings of the words that the model was taught after its training, where there are any.
        reads_spellings: whether :meth:`spelt` will be asked.
        reader: what then reads chunks; None for E1 itself.
        precision: what the sums over all slots of the memory are computed in, see runtime.load.

    Attributes:
        words: those words; None where there are none.
    """

    words: LearnedWords | None = None

    def __init__(
        self,
        config: TieredConfig,
        weights: StoredWeights,
        threads: int | None = None,
        learned_words: dict[str, Any] | None = None,
        reads_spellings: bool = False,
        reader: SpellingReader | None = None,
        precision: str = "float32",
    ) -> None:
        self.ngrams = NgramBuckets(config) if config.ngram_buckets else None
        self.d_sem = config.d_sem
        self.columns = config.d_sem + (config.d_char if config.peek else 0)
        graph = Graph()
        ids = graph.input("ids", np.int64, ("chunks", "chars"))
        types = graph.input("types", np.int64, ("chunks",))
        buckets = ""
        if self.ngrams is not None:
            buckets = graph.input("buckets", np.int64, ("chunks", self.ngrams.features, "chars"))
        mask = graph.op("Unsqueeze", graph.op("Cast", ids, to=9), graph.ints(2))  # (chunks, chars, 1)
        own = weights.part("char_encoder")
        features = char_encoder.embed(graph, config, own, ids, buckets)
        self.span = SPANS[config.char_span](graph, config) if config.char_layers else None
        states = features if self.span is None else self.span.read(graph, own, features, config.d_char)
        states = layer_norm(graph, own.part("norm"), states, config.d_char)
        own = weights.part("chunk_projector")
        projected = chunk_projector(graph, config, own, states, mask, types, _PRODUCTS[precision])
        vectors = QUANTIZATIONS[config.chunk_quantization](graph, projected.vectors)
        if config.peek:
            vectors = graph.op("Concat", vectors, mean_over(graph, features, mask), axis=1)
        graph.output(vectors, "vectors", np.float32, ("chunks", self.columns))
        if projected.recalled is not None:
            unknown = graph.op("Gather", projected.recalled.shares, graph.constant(0, np.int64), axis=1)  # of slot 0
            graph.output(projected.recalled.query, "queries", np.float32, ("chunks", config.memory_width))
            graph.output(unknown, "unknown", np.float32, ("chunks",))
            graph.output(projected.vectors, "plain", np.float32, ("chunks", config.d_sem))
        self.session = graph.session(threads)
        self._spelt = None
        if reads_spellings and projected.recalled is not None:
            spelt = projected.recalled.query if reader is None else reader.write(graph, projected.pooled)
            graph.output(spelt, "spelt", np.float32, ("chunks", "width"))
            self._spelt = graph.session(threads, outputs=["spelt"])  # without the memory, most of the work
        self._coarsen = None if config.chunk_quantization is None else _coarsening(config).session(threads)
        if learned_words is not None:
            self.words = LearnedWords.stored(config, own.part("learned_words"), learned_words, threads)

    @property
    def chunk_local(self) -> bool:
        """Whether a chunk's vector depends on its characters alone."""
        return self.span is None or self.span.chunk_local

    def taught(self, words: LearnedWords | None) -> ChunkEncoder:
        """Return an encoder that shares this one's graph, and knows these words instead."""
        other = copy.copy(self)
        other.words = words
        return other

    def read(self, chunks: NDArray[np.integer]) -> Reading:
        """Return how E1, which sees chunks alone and has a memory, reads chunks (chunks, chars)."""
        encoded = self.encoded(chunks)
        return Reading(encoded.queries, encoded.unknown, encoded.vectors[:, : self.d_sem])

    def spelt(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return how chunks (chunks, chars) read where they are compared with the words of a list, (chunks, width)."""
        assert self._spelt is not None, "who asks says so in the beginning"
        return self._outputs(self._spelt, ["spelt"], rows)[0]

    def _outputs(self, session: Any, names: list[str], rows: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        """Return what a session says of chunks (chunks, chars), each on its own, in their order."""
        lengths = (rows != PAD).sum(axis=1)
        blocks = self._blocks(lengths)
        order = np.argsort(np.concatenate(blocks))
        read = [session.run(names, self._feeds(rows[at], lengths[at], at)) for at in blocks]
        return [np.concatenate(values)[order] for values in zip(*read, strict=True)]

    def __call__(self, chunks: NDArray[np.integer], texts: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Return the vectors of chunks, (chunks, columns).

        Args:
            chunks: (chunks, chars): chunk type, characters, PAD.
            texts: (chunks,), the text each chunk is of, where characters see further than their chunk; the chunks of a
                text follow one another.
        """
        rows = chunks.astype(np.int64, copy=False)
        if self.words is not None:
            return self.finished(self.encoded(rows), rows)
        lengths = (rows != PAD).sum(axis=1)
        out = np.empty((len(rows), self.columns), dtype=np.float32)
        if self.chunk_local or texts is None:
            texts = np.arange(len(rows))
        blocks = self._blocks(lengths) if self.chunk_local else np.split(np.arange(len(rows)), _ends(texts))
        for at in blocks:
            out[at] = self.session.run(["vectors"], self._feeds(rows[at], lengths[at], texts[at]))[0]
        return out

    def encoded(self, chunks: NDArray[np.integer]) -> Encoded:
        """Return what E1, which sees chunks alone and has a memory, makes of chunks (chunks, chars), one at least."""
        return Encoded(*self._outputs(self.session, list(Encoded._fields), chunks.astype(np.int64, copy=False)))

    def finished(self, encoded: Encoded, chunks: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the vectors (chunks, columns) of chunks (chunks, chars), whose plain ones may have been pulled."""
        if self.words is not None:
            own = self.words(Reading(encoded.queries, encoded.unknown, encoded.plain), chunks[:, 0].astype(np.int64))
        elif self._coarsen is not None:
            own = self._coarsen.run(None, {"vectors": encoded.plain})[0]
        else:
            own = encoded.plain
        if self.columns == self.d_sem:
            return own
        return np.concatenate([own, encoded.vectors[:, self.d_sem :]], axis=1)

    def _blocks(self, lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Return the places of chunks that are encoded together: short ones and long ones, no more than a block."""
        order = np.argsort(lengths, kind="stable")
        cuts = set(range(_BLOCK, len(order), _BLOCK))
        if len(order) > 2 * _SHORT:
            cuts.add(int(np.searchsorted(lengths[order], _SHORT, side="right")))
        return [at for at in np.split(order, sorted(cuts)) if len(at)]

    def _feeds(
        self, rows: NDArray[np.int64], lengths: NDArray[np.int64], texts: NDArray[np.int64]
    ) -> dict[str, NDArray]:
        longest = int(lengths.max())
        width = longest + 1  # the type's place is START's, END joins
        # ONNX Runtime adds the last three of such a sum up in another order than where padding follows: one place more,
        # and a chunk's vector does not depend on what it is encoded with, but for the last bit of its columns of
        # ``peek``. In int8, E2 makes .005 of the last bit.
        ids = np.zeros((len(rows), width + (width % 4 == 3)), dtype=np.int64)
        ids[:, :longest] = rows[:, :longest]
        ids[:, 0] = START
        ids[np.arange(len(rows)), lengths] = END
        feeds = {"ids": ids, "types": np.ascontiguousarray(rows[:, 0])}
        if self.ngrams is not None:
            feeds["buckets"] = self.ngrams(ids, lengths + 1)
        if self.span is not None:
            feeds |= self.span.feeds(ids != PAD, texts)
        return feeds


def _coarsening(config: TieredConfig) -> Graph:
    graph = Graph()
    vectors = graph.input("vectors", np.float32, ("chunks", config.d_sem))
    coarse = QUANTIZATIONS[config.chunk_quantization](graph, vectors)
    graph.output(coarse, "coarse", np.float32, ("chunks", config.d_sem))
    return graph


def _ends(texts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each text but the last ends."""
    return np.flatnonzero(np.diff(texts)) + 1
