"""Recognise a chunk: modules.chunk_memory as a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiered_st.config import ProjectorConfig
from tiered_st.runtime.graph import Graph
from tiered_st.runtime.graph.layers import gelu, linear
from tiered_st.runtime.stored_weights import StoredWeights

# What writes the product of rows (rows, in), by name, and a matrix (in, out).
Product = Callable[[Graph, str, NDArray[np.float32]], str]


class Recalled(NamedTuple):
    """What the memory says of chunks, by name.

    Attributes:
        prototype: (chunks, width), the mean prototype by what each may stand for.
        meaning: (chunks, d_sem), the mean value, None without ``memory_values``.
        query: (chunks, width), how each reads.
        shares: (chunks, 1 + slots), what each may stand for; slot 0 is no word that the memory has.
    """

    prototype: str
    meaning: str | None
    query: str
    shares: str


def chunk_memory(
    graph: Graph, config: ProjectorConfig, weights: StoredWeights, pooled: str, product: Product
) -> Recalled:
    """Recall the mean slot by what each chunk (chunks, d_char) may stand for.

    Every slot counts: of a misspelt or rare chunk, those that each weigh next to nothing weigh a tenth together. So
    shares of few bits will do by blocks alone, whose scales are as small as they are.

    Args:
        graph: where to.
        config: the model's configuration.
        weights: those of the memory.
        pooled: (chunks, d_char).
        product: what multiplies the shares by the slots, nearly all of the work.
    """
    dim, width, slots, values = config.d_char, config.memory_width, 1 + config.memory_slots, config.memory_values
    hidden = gelu(graph, linear(graph, weights.part("hidden"), pooled, (dim, 4 * width)))
    query = graph.op(
        "Add",
        linear(graph, weights.part("query"), pooled, (dim, width)),
        linear(graph, weights.part("hidden_out"), hidden, (4 * width, width), bias=False),
    )
    prototypes = weights.part("prototypes").floats("weight", slots, width)
    bias = graph.constant(weights.part("prototypes").floats("bias", slots))
    scores = graph.op("Gemm", query, graph.constant(prototypes), bias, transB=1)  # (chunks, slots)
    shares = graph.op("Softmax", scores, axis=1)
    if not values:
        return Recalled(product(graph, shares, prototypes), None, query, shares)
    # Prototypes and values lie side by side, so that one product sums both.
    both = np.concatenate([prototypes, weights.part("values").floats("weight", values, slots).T], axis=1)
    recalled = product(graph, shares, both)  # (chunks, width + values)
    split = graph.ints(width, values)
    prototype, value = graph.ops("Split", recalled, split, results=2, axis=1)
    meaning = linear(graph, weights.part("meaning"), value, (values, config.d_sem), bias=False)
    return Recalled(prototype, meaning, query, shares)
