"""Recognise words that a trained model was taught afterwards: modules.learned_words as a graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from tiered_st.config import ProjectorConfig
from tiered_st.runtime.chunks.chunk_memory import Recalled
from tiered_st.runtime.graph import Graph
from tiered_st.runtime.stored_weights import StoredWeights
from tiered_st.text.chunk_types import NOT_WORDS
from tiered_st.text.tokenizer import FIRST_BYTE

_LEAST = 1e-12  # norm by which torch divides at least


def learned_words(
    graph: Graph, config: ProjectorConfig, weights: StoredWeights, vectors: str, recalled: Recalled, types: str,
    settings: dict[str, Any],
) -> str:  # fmt: skip
    """Pull the vectors of chunks (chunks, d_sem) that may stand for a learned word to that word's.

    Args:
        graph: where to.
        config: the model's configuration.
        weights: those of the learned words.
        vectors: (chunks, d_sem), as they are without.
        recalled: what the memory says of the chunks.
        types: (chunks,) int64 chunk types.
        settings: what ``config.json`` says of the learned words.

    Returns:
        (chunks, d_sem).
    """
    size, sharpness, near = settings["size"], settings["sharpness"], settings["near"]
    weights.stored("rows", (size, config.chunk_chars))  # what they are is of no matter here
    norm = graph.op("ReduceL2", recalled.query, graph.ints(1), keepdims=1)
    query = graph.op("Div", recalled.query, graph.op("Max", norm, graph.constant(_LEAST)))
    keys = graph.constant(sharpness * weights.floats("keys", size, config.memory_width).T)
    closeness = graph.op("MatMul", query, keys)  # (chunks, words)
    summed = graph.op("ReduceLogSumExp", closeness, graph.ints(1), keepdims=1)
    is_near = graph.op("Sigmoid", graph.op("Sub", summed, graph.constant(sharpness * near)))  # (chunks, 1)
    word = np.ones((FIRST_BYTE, 1), dtype=np.float32)
    word[list(NOT_WORDS)] = 0.0
    is_word = graph.op("Gather", graph.constant(word), types)
    unknown = graph.op("Slice", recalled.shares, graph.ints(0), graph.ints(1), graph.ints(1))
    pull = graph.op("Mul", graph.op("Mul", unknown, is_near), is_word)  # (chunks, 1)
    known = graph.constant(weights.floats("vectors", size, config.d_sem))
    meant = graph.op("MatMul", graph.op("Softmax", closeness, axis=1), known)
    return graph.op("Add", vectors, graph.op("Mul", pull, graph.op("Sub", meant, vectors)))
