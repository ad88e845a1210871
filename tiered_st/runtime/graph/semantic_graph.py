"""The whole of E2, chunk vectors in and contextual ones out, as a graph (see modules.semantic_encoder)."""

from __future__ import annotations

from collections.abc import Callable


from tiered_st.config import TieredConfig
from tiered_st.runtime.graph.bert import bert
from tiered_st.runtime.graph.layers import Layers
from tiered_st.runtime.graph.onnx_file import OnnxGraph
from tiered_st.runtime.graph.own_transformer import own_transformer
from tiered_st.runtime.stored_weights import StoredWeights

Body = Callable[[Layers, TieredConfig, str], str]
BODIES: dict[str | None, Body] = {None: own_transformer, "bert": bert}  # by a Hugging Face body's model_type


def semantic_graph(settings: TieredConfig, weights: StoredWeights, precision: str) -> bytes:
    """Return E2 as the content of an ONNX file.

    Its inputs are ``chunk_embeddings`` (batch, chunks, d_sem), ``lengths`` (batch,) int32, with ``peek``
    ``char_features`` (batch, chunks, d_char), and with ``segments`` ``token_type_ids`` (batch, chunks) int64; its output
    is ``token_embeddings`` (batch, chunks, d_sem).

    Raises:
        ValueError: if the body is one that no graph is written for here.
    """
    kind = None if settings.body is None else str(settings.body.get("model_type"))
    if kind not in BODIES:
        known = ", ".join(name for name in BODIES if name)
        raise ValueError(f"body has model_type={kind!r}: the runtime runs {known} and our own Transformer.")
    graph = OnnxGraph("semantic_encoder")
    shape = ("batch", "chunks")
    x = graph.input("chunk_embeddings", "float32", (*shape, settings.d_sem))
    lengths = graph.input("lengths", "int32", ("batch",))
    layers = Layers(graph, weights, precision, x, lengths)
    if settings.peek:
        x = _peek(layers, settings, x, graph.input("char_features", "float32", (*shape, settings.d_char)))
    if settings.segments:
        table = graph.weight("segments.weight", weights["segments.weight"])
        part = graph.add("Gather", [table, graph.input("token_type_ids", "int64", shape)], "segments")
        x = graph.add("Add", [x, part], "chunks_of_parts")
    states = layers.by_text(BODIES[kind](layers, settings, x), "token_embeddings")
    graph.output(states, "float32", (*shape, settings.d_sem))
    return graph.to_bytes()


def _peek(layers: Layers, settings: TieredConfig, chunks: str, chars: str) -> str:
    """Write the gate of modules.peek_gate."""
    graph = layers.graph
    both = layers.rows(graph.add("Concat", [chunks, chars], "peek.both", axis=-1), settings.d_sem + settings.d_char, "peek.rows")
    gate = graph.add("Sigmoid", [layers.linear(both, "peek.gate", "peek.score")], "peek.open")
    seen = layers.linear(layers.rows(chars, settings.d_char, "peek.chars"), "peek.project", "peek.seen")
    return graph.add("Add", [chunks, layers.by_text(graph.add("Mul", [gate, seen], "peek.let"), "peek.more")], "peeked")
