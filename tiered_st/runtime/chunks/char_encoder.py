"""Read the characters of a chunk: modules.char_encoder as a graph."""

from __future__ import annotations

import numpy as np

from tiered_st.config import CharEncoderConfig
from tiered_st.runtime.graph import Graph
from tiered_st.runtime.graph.layers import linear
from tiered_st.runtime.stored_weights import StoredWeights
from tiered_st.text.tokenizer import PAD, VOCAB_SIZE


def embed(graph: Graph, config: CharEncoderConfig, weights: StoredWeights, ids: str, buckets: str) -> str:
    """Return the raw features of each character, (chunks, chars, d_char).

    Args:
        graph: where to.
        config: the model's configuration.
        weights: those of E1.
        ids: (chunks, chars) int64, START, characters, END, PAD.
        buckets: (chunks, features, chars) int64 from ``NgramBuckets``; not read without n-grams.
    """
    table = graph.constant(weights.part("embedding").floats("weight", VOCAB_SIZE, config.d_char))
    x = graph.op("Gather", table, ids)
    return graph.op("Add", x, _ngrams(graph, config, weights.part("ngrams"), buckets)) if config.ngram_buckets else x


def _ngrams(graph: Graph, config: CharEncoderConfig, weights: StoredWeights, buckets: str) -> str:
    """Return the sum of each position's n-gram vectors, (chunks, chars, d_char)."""
    width = config.ngram_width or config.d_char
    shape = 1 + config.ngram_buckets, width
    matrix = weights.part("table").int8("weight", shape)
    if matrix is None:
        table = weights.part("table").floats("weight", *shape).copy()
        table[PAD] = 0.0  # whose row counts for nothing, whatever it holds
        rows = graph.op("Gather", graph.constant(table), buckets)  # (chunks, features, chars, width)
    else:
        # Integers stay integers until they are looked up: a quarter of the memory.
        scale = matrix.scale.copy()
        scale[PAD] = 0.0
        found = graph.op("Gather", graph.constant(matrix.integers, np.int8), buckets)
        rows = graph.op("Mul", graph.op("Cast", found, to=1), graph.op("Gather", graph.constant(scale), buckets))
    total = graph.op("ReduceSum", rows, graph.ints(1), keepdims=0)  # (chunks, chars, width)
    if not config.ngram_width:
        return total
    return linear(graph, weights.part("widen"), total, (width, config.d_char), bias=False)
