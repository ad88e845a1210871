"""E2: chunk vectors in, contextual ones out, by one ONNX graph (see modules.semantic_encoder)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tiered_st.config import TieredConfig
from tiered_st.runtime.graph import Graph
from tiered_st.runtime.semantic.bert import bert
from tiered_st.runtime.semantic.body_kinds import KINDS
from tiered_st.runtime.semantic.own_transformer import own_transformer
from tiered_st.runtime.semantic.products import PRODUCTS
from tiered_st.runtime.semantic.writer import Writer, check_activation
from tiered_st.runtime.stored_weights import StoredWeights

Body = Callable[[Writer, TieredConfig, StoredWeights, str], str]


def body_of(config: TieredConfig) -> Body:
    """Return what writes a configuration's body.

    Raises:
        ValueError: if there is nothing that does, or the body has a setting that no graph is written for here.
    """
    if config.body is None:
        return own_transformer
    name = config.body.get("model_type")
    if name not in KINDS:
        raise ValueError(
            f"body has model_type={name!r}: the runtime runs {', '.join(KINDS)} and our own Transformer alone."
        )
    kind = KINDS[name]
    kind.check(config.body)
    check_activation(kind.of(config.body, "hidden_act"))
    return bert


class SemanticEncoder:
    """Run E2.

    Args:
        config: the model's configuration.
        tensors: those of the module's ``model.safetensors``, by name, as they are stored.
        precision: what products are computed in, "int8" or "float32".
        threads: that a product of matrices may take; None for one per core.
        providers: ONNX Runtime's execution providers; by default the CPU.

    Raises:
        ValueError: if the body is one that no graph is written for here, or the weights are not the configuration's.
    """

    def __init__(
        self,
        config: TieredConfig,
        tensors: Mapping[str, NDArray],
        *,
        precision: str = "float32",
        threads: int | None = None,
        providers: Sequence[str] | None = None,
    ) -> None:
        if precision not in PRODUCTS:
            raise ValueError(f"precision={precision!r} is not one of {', '.join(PRODUCTS)}.")
        body = body_of(config)
        if precision == "int8":
            _refuse_infinite(tensors)
        self.config = config
        weights = StoredWeights(tensors)
        graph = _graph(config, weights, precision, body)
        weights.refuse_unknown()
        self.session = graph.session(threads, providers)

    def __call__(
        self,
        vectors: NDArray[np.float32],
        lengths: NDArray[np.integer],
        parts: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float32]:
        """Return the contextual vectors of texts.

        Args:
            vectors: (batch, chunks, d_sem); with ``peek``, d_char columns of character features behind them.
            lengths: (batch,), chunks of each text; what is behind them is padding.
            parts: (batch, chunks), which part of its text a chunk is of, with ``segments``; by default the first.

        Returns:
            (batch, chunks, d_sem).

        Raises:
            ValueError: if a text has more chunks than the model reads.
        """
        if vectors.shape[1] > self.config.max_chunks:
            raise ValueError(
                f"A text has {vectors.shape[1]} chunks, but this model reads {self.config.max_chunks} at most: give a "
                "max_length up to that, or use tiered_st.encode_long."
            )
        if len(vectors) and (lengths == vectors.shape[1]).all():
            return self._run(vectors, parts)
        out = np.zeros((*vectors.shape[:2], self.config.d_sem), dtype=np.float32)
        for at in of_equal_length(lengths):
            length = int(lengths[at[0]])
            if length:
                out[at, :length] = self._run(vectors[at, :length], None if parts is None else parts[at, :length])
        return out

    def _run(self, vectors: NDArray[np.float32], parts: NDArray[np.int64] | None) -> NDArray[np.float32]:
        """Run the graph on texts without padding."""
        feeds: dict[str, NDArray] = {"chunk_embeddings": np.ascontiguousarray(vectors[:, :, : self.config.d_sem])}
        if self.config.peek:
            feeds["char_features"] = np.ascontiguousarray(vectors[:, :, self.config.d_sem :])
        if self.config.segments:
            feeds["token_type_ids"] = np.zeros(vectors.shape[:2], dtype=np.int64) if parts is None else parts
        return self.session.run(None, feeds)[0]


def of_equal_length(lengths: NDArray[np.integer], most: int | None = None) -> list[NDArray[np.intp]]:
    """Put texts of equal length together: lists of at most ``most`` places in ``lengths``, longest first.

    A place that is padded costs as much as one that is read, and texts of equally many words differ in punctuation: a
    third of the places of ordinary batches of 32 would be padding. A run of the graph costs little beside.
    """
    order = np.argsort(-lengths, kind="stable")
    edges = [0, *(np.flatnonzero(np.diff(lengths[order])) + 1).tolist(), len(order)]
    most = most or max(1, len(order))
    return [
        order[first : min(first + most, last)] for start, last in pairwise(edges) for first in range(start, last, most)
    ]


def _refuse_infinite(tensors: Mapping[str, NDArray]) -> None:
    """Refuse weights that are no numbers: as integers they would be some, and what they spoil would look sound."""
    for name, value in tensors.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ValueError(f"{name} has a value that is not finite, and 8-bit integers hold none: train it anew.")


def _graph(config: TieredConfig, weights: StoredWeights, precision: str, body: Body) -> Graph:
    graph = Graph()
    shape = ("batch", "chunks")
    x = graph.input("chunk_embeddings", np.float32, (*shape, config.d_sem))
    writer = Writer(graph, precision, config.d_sem, x)
    if config.peek:
        x = _peek(
            writer, config, weights.part("peek"), x, graph.input("char_features", np.float32, (*shape, config.d_char))
        )
    if config.segments:
        table = graph.constant(weights.floats("segments.weight", config.segments, config.d_sem))
        x = graph.op("Add", x, graph.op("Gather", table, graph.input("token_type_ids", np.int64, shape)))
    states = writer.by_text(body(writer, config, weights.part("body"), x))
    graph.output(states, "token_embeddings", np.float32, (*shape, config.d_sem))
    return graph


def _peek(writer: Writer, config: TieredConfig, weights: StoredWeights, chunks: str, chars: str) -> str:
    """Write the gate of modules.peek_gate."""
    op, dim = writer.graph.op, config.d_sem
    both = writer.rows(op("Concat", chunks, chars, axis=-1), dim + config.d_char)
    gate = op("Sigmoid", writer.linear(both, weights.part("gate"), (dim + config.d_char, dim)))
    seen = writer.linear(writer.rows(chars, config.d_char), weights.part("project"), (config.d_char, dim))
    return op("Add", chunks, writer.by_text(op("Mul", gate, seen)))
