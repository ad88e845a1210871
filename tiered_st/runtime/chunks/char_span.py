"""How far a character sees: modules.char_span for a graph, one small class per span."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiered_st.config import CharEncoderConfig
from tiered_st.runtime.chunks.char_layers import CharLayers
from tiered_st.runtime.graph import Graph
from tiered_st.runtime.stored_weights import StoredWeights


class ChunkSpan:
    """A character sees its chunk."""

    chunk_local = True

    def __init__(self, graph: Graph, config: CharEncoderConfig) -> None:
        self.convolves = config.char_mixer == "convolution"
        self.layers = CharLayers(graph, config)

    def read(self, graph: Graph, weights: StoredWeights, x: str, dim: int) -> str:
        """Run E1's layers over states (chunks, chars, d_char) and return states of that shape."""
        return self.layers(graph, weights, x)

    def feeds(self, mask: NDArray[np.bool_], texts: NDArray[np.int64]) -> dict[str, NDArray]:
        """Return what the graph is told.

        Args:
            mask: (chunks, chars), START and END included.
            texts: (chunks,), the text each chunk is of; the chunks of a text follow one another.
        """
        return {"seen": self.seen(mask)} | self.layers.positions.feeds(mask.shape[1])

    def seen(self, real: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return what may be seen, given which places (batch, length) hold a character."""
        return real[:, :, None] if self.convolves else real[:, None, None, :]


class TextSpan(ChunkSpan):
    """A character sees its whole text, on either side."""

    chunk_local = False

    def __init__(self, graph: Graph, config: CharEncoderConfig) -> None:
        super().__init__(graph, config)
        self.there = graph.input("there", np.int64, ("texts", "length"))
        self.back = graph.input("back", np.int64, ("chunks", "chars"))

    def read(self, graph: Graph, weights: StoredWeights, x: str, dim: int) -> str:
        """Run E1's layers over the characters of a text, laid end to end without the padding of its chunks."""
        flat = graph.op("Gather", graph.op("Reshape", x, graph.ints(-1, dim)), self.there)  # (texts, length, dim)
        flat = self.layers(graph, weights, flat)
        return graph.op("Gather", graph.op("Reshape", flat, graph.ints(-1, dim)), self.back)

    def feeds(self, mask: NDArray[np.bool_], texts: NDArray[np.int64]) -> dict[str, NDArray]:
        """Return what the graph is told: also where in its text each character goes, and where it comes back from."""
        run = np.cumsum(np.diff(texts, prepend=texts[:1]) != 0)  # (chunks,): counted without texts of no chunks
        lengths = np.bincount(run, weights=mask.sum(axis=1)).astype(np.int64)  # (texts,)
        real = np.arange(lengths.max()) < lengths[:, None]  # (texts, longest)
        there, back = np.zeros(real.shape, dtype=np.int64), np.zeros(mask.shape, dtype=np.int64)
        there[real] = np.flatnonzero(mask)  # padding reads any state, which nothing sees
        back[mask] = np.flatnonzero(real)
        order = self.layers.positions.feeds(real.shape[1])
        return {"seen": self.seen(real), "there": there, "back": back} | order


class CausalSpan(TextSpan):
    """A character sees itself and what comes before it in its text."""

    def seen(self, real: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return (1, 1, longest, longest): padding comes last, so that no character sees it and all texts share it."""
        return np.tri(real.shape[1], dtype=np.bool_)[None, None]


SPANS: dict[str, type[ChunkSpan]] = {"chunk": ChunkSpan, "text": TextSpan, "causal": CausalSpan}
