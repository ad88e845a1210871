"""Turn the character states of a chunk into one vector in E2's input space: modules.chunk_projector as a graph."""

from __future__ import annotations

from typing import NamedTuple

from tiered_st.config import ProjectorConfig
from tiered_st.runtime.chunks.char_pooling import POOLINGS
from tiered_st.runtime.chunks.chunk_memory import Product, Recalled, chunk_memory
from tiered_st.runtime.graph import Graph
from tiered_st.runtime.graph.layers import gelu, layer_norm, linear
from tiered_st.runtime.stored_weights import StoredWeights
from tiered_st.text.tokenizer import FIRST_BYTE


class Projected(NamedTuple):
    """What the projector makes of chunks, by name.

    Attributes:
        pooled: (chunks, d_char), their characters.
        vectors: (chunks, d_sem), before learned words pull them and they are coarsened.
        recalled: what the memory says of the chunks, None without one.
    """

    pooled: str
    vectors: str
    recalled: Recalled | None


def chunk_projector(
    graph: Graph,
    config: ProjectorConfig,
    weights: StoredWeights,
    states: str,
    mask: str,
    types: str,
    product: Product,
) -> Projected:
    """Project chunks.

    Args:
        graph: where to.
        config: the model's configuration.
        weights: those of the projector.
        states: (chunks, chars, d_char) from E1.
        mask: (chunks, chars, 1) boolean.
        types: (chunks,) int64 chunk types.
        product: what multiplies by the slots of the memory.
    """
    characters = pooled = POOLINGS[config.projector_pooling](graph, config, weights.part("weigh"), states, mask)
    recalled = None
    width = config.d_char
    if config.memory_slots:
        recalled = chunk_memory(graph, config, weights.part("memory"), pooled, product)
        width += config.memory_width
    if config.type_embedding:
        table = graph.constant(weights.part("type_embedding").floats("weight", FIRST_BYTE, config.d_char))
        pooled = graph.op("Add", pooled, graph.op("Gather", table, types))
    if recalled is not None:
        pooled = graph.op("Concat", pooled, recalled.prototype, axis=1)  # (chunks, d_char + memory_width)
    out = linear(graph, weights.part("linear"), pooled, (width, config.d_sem))
    if config.projector_hidden:
        hidden = gelu(graph, linear(graph, weights.part("hidden"), pooled, (width, config.projector_hidden)))
        sizes = config.projector_hidden, config.d_sem
        out = graph.op("Add", out, linear(graph, weights.part("hidden_out"), hidden, sizes, bias=False))
    if recalled is not None and recalled.meaning is not None:
        out = graph.op("Add", out, recalled.meaning)
    return Projected(characters, layer_norm(graph, weights.part("norm"), out, config.d_sem), recalled)
