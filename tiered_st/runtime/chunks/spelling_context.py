"""Say which word a misspelt chunk means by the chunks around it: modules.spelling_context as a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.runtime.graph import Graph
from tiered_st.runtime.graph.layers import gelu, linear
from tiered_st.runtime.stored_weights import StoredWeights
from tiered_st.text.spelling import ContextConfig

_END = 2**31 - 1
_BLOCK = 128  # chunks, of whose candidates all vectors are in memory at once

Vectors = NDArray[np.float32]


class SpellingReader:
    """Read chunks by their pooled characters: modules.spelling_context.SpellingReader, to be written into a graph.

    Args:
        config: its sizes.
        weights: its own.
        d_char: of pooled characters.
    """

    def __init__(self, config: ContextConfig, weights: StoredWeights, d_char: int) -> None:
        width, hidden = config.reading, config.reading_hidden
        self._linear = weights.part("linear").floats("weight", width, d_char)
        self._hidden = weights.part("hidden").floats("weight", hidden, d_char)
        self._bias = weights.part("hidden").floats("bias", hidden)
        self._hidden_out = weights.part("hidden_out").floats("weight", width, hidden)

    def write(self, graph: Graph, pooled: str) -> str:
        """Write how chunks of pooled characters (chunks, d_char) read, (chunks, width)."""
        hidden = graph.op("MatMul", pooled, graph.constant(self._hidden.T))
        hidden = gelu(graph, graph.op("Add", hidden, graph.constant(self._bias)))
        hidden = graph.op("MatMul", hidden, graph.constant(self._hidden_out.T))
        return graph.op("Add", graph.op("MatMul", pooled, graph.constant(self._linear.T)), hidden)


class SpellingContext:
    """Weigh the words that a misspelt chunk may mean by its neighbours, and pull its vector to what they mean.

    Args:
        config: the sizes.
        weights: its own.
        d_sem: of a chunk vector.
        d_char: of pooled characters.
        threads: that a product of matrices may take; None for one per core.

    Attributes:
        reader: what reads chunks where they are compared with the words; None where E1's reading does.
    """

    def __init__(
        self, config: ContextConfig, weights: StoredWeights, d_sem: int, d_char: int, threads: int | None
    ) -> None:
        self.config = config
        self.reader = SpellingReader(config, weights.part("reader"), d_char) if config.reading else None
        self._session = _graph(config, weights, d_sem).session(threads)

    def __call__(self, around: Vectors, own: Vectors, scores: Vectors, words: Vectors) -> Vectors:
        """Return chunk vectors (chunks, d_sem), pulled to what is meant.

        Args:
            around: (chunks, places, d_sem), the vectors of the neighbours, and the mean of all others.
            own: (chunks, d_sem), those of the chunks.
            scores: (chunks, candidates), what E1 says for each word that may be meant.
            words: (chunks, candidates, d_sem), their vectors.
        """
        given = {"around": around, "own": own, "scores": scores, "words": words}
        blocks = range(0, len(own), _BLOCK)
        run: Any = self._session.run
        return np.concatenate([
            run(None, {name: value[i : i + _BLOCK] for name, value in given.items()})[0] for i in blocks
        ])  # fmt: skip


def neighbours(vectors: Vectors, counts: NDArray[np.int64], text: Any, place: Any, reach: int) -> Vectors:
    """Return what is around some chunks, (some, 2 · reach + 1, d_sem).

    Args:
        vectors: (batch, chunks, d_sem), zero where there is no chunk.
        counts: (batch,), chunks of each text.
        text: (some,), which texts they are of.
        place: (some,), and which of their chunks they are.
        reach: chunks on either side; behind them comes the mean of all of the text but the chunk itself.
    """
    padded = np.pad(vectors, ((0, 0), (reach, reach), (0, 0)))
    beside = np.delete(np.arange(2 * reach + 1), reach)
    others = np.maximum(counts[text] - 1, 1)[:, None].astype(np.float32)
    mean = (vectors.sum(axis=1)[text] - vectors[text, place]) / others
    return np.concatenate([padded[text[:, None], place[:, None] + beside], mean[:, None]], axis=1)


def _graph(config: ContextConfig, weights: StoredWeights, d_sem: int) -> Graph:
    graph, (width, hidden) = Graph(), (config.width, config.hidden)
    around = graph.input("around", np.float32, ("chunks", config.places, d_sem))
    own = graph.input("own", np.float32, ("chunks", d_sem))
    scores = graph.input("scores", np.float32, ("chunks", "candidates"))
    words = graph.input("words", np.float32, ("chunks", "candidates", d_sem))

    def apply(name: str, x: str, size: tuple[int, int], *, bias: bool = True) -> str:
        return linear(graph, weights.part(name), x, size, bias=bias)

    narrow = graph.op("Reshape", apply("narrow", around, (d_sem, width), bias=False), graph.ints(0, -1))
    state = graph.op("Relu", apply("around", narrow, (config.places * width, hidden)))
    state = graph.op("Add", state, graph.op("Relu", apply("hidden", state, (hidden, hidden))))
    expected = graph.op("Unsqueeze", apply("expected", state, (hidden, config.keys)), graph.ints(2))
    keys, anywhere = graph.ops(
        "Split", apply("words", words, (d_sem, config.keys + 1), bias=False), graph.ints(config.keys, 1), results=2,
        axis=2,
    )  # fmt: skip
    fit = graph.op("Squeeze", graph.op("Add", graph.op("MatMul", keys, expected), anywhere), graph.ints(2))
    fit = graph.op("Add", graph.op("Mul", scores, graph.constant(weights.floats("trust", 1))), fit)
    alone = apply("none_own", apply("narrow", own, (d_sem, width), bias=False), (width, 1), bias=False)
    none = graph.op("Add", apply("none", state, (hidden, 1)), alone)
    shares = graph.op("Softmax", graph.op("Concat", fit, none, axis=1), axis=1)
    shares = graph.op("Mul", shares, graph.constant(config.share))
    none = graph.op("Slice", shares, graph.ints(-1), graph.ints(_END), graph.ints(1))
    shares = graph.op("Slice", shares, graph.ints(0), graph.ints(-1), graph.ints(1))
    meant = graph.op("Squeeze", graph.op("MatMul", graph.op("Unsqueeze", shares, graph.ints(1)), words), graph.ints(1))
    # What the others leave, told by the one share: ONNX Runtime adds few numbers up in an order of the batch.
    kept = graph.op("Add", none, graph.constant(1.0 - config.share))
    graph.output(
        graph.op("Add", graph.op("Mul", own, kept), meant), "pulled", np.float32, ("chunks", d_sem)
    )  # fmt: skip
    return graph
