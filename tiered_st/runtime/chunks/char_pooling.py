"""Pool the characters of a chunk into one vector: modules.char_pooling as graphs, one small function per way.

Each takes states (chunks, chars, d_char) and the mask twice, (chunks, chars) and (chunks, chars, 1), and returns
(chunks, d_char).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tiered_st.config import CharEncoderConfig
from tiered_st.runtime.graph import Graph
from tiered_st.runtime.graph.layers import gelu, linear, masked
from tiered_st.runtime.stored_weights import StoredWeights

Pooling = Callable[[Graph, CharEncoderConfig, StoredWeights, str, str], str]


def softmax(graph: Graph, config: CharEncoderConfig, weights: StoredWeights, states: str, mask: str) -> str:
    """Take the mean by learned weights."""
    return _weighted(graph, states, mask, _scores(graph, config, weights, states))


def sigmoid(graph: Graph, config: CharEncoderConfig, weights: StoredWeights, states: str, mask: str) -> str:
    """Take the mean by learned weights, each the sigmoid of its score."""
    scores = _scores(graph, config, weights, states)
    return _weighted(graph, states, mask, graph.op("Neg", graph.op("Softplus", graph.op("Neg", scores))))


def attention(graph: Graph, config: CharEncoderConfig, weights: StoredWeights, states: str, mask: str) -> str:
    """Let each head weigh the characters by a query of its own."""
    dim, heads = config.d_char, config.char_heads
    scores = linear(graph, weights.part("queries"), states, (dim, heads), bias=False)  # (chunks, chars, heads)
    shares = graph.op("Softmax", masked(graph, scores, mask, -np.inf), axis=1)
    values = linear(graph, weights.part("values"), states, (dim, dim))
    values = graph.op("Reshape", values, graph.ints(0, 0, heads, dim // heads))
    weighted = graph.op("Mul", values, graph.op("Unsqueeze", shares, graph.ints(3)))
    total = graph.op("ReduceSum", weighted, graph.ints(1), keepdims=0)  # (chunks, heads, d_char / heads)
    return graph.op("Reshape", total, graph.ints(0, dim))


def mean(graph: Graph, config: CharEncoderConfig, weights: StoredWeights, states: str, mask: str) -> str:
    """Take the mean."""
    return mean_over(graph, states, mask)


def maximum(graph: Graph, config: CharEncoderConfig, weights: StoredWeights, states: str, mask: str) -> str:
    """Take the largest value of each dimension."""
    return graph.op("ReduceMax", masked(graph, states, mask, -np.inf), graph.ints(1), keepdims=0)


def convolution(graph: Graph, config: CharEncoderConfig, weights: StoredWeights, states: str, mask: str) -> str:
    """Take the mean of what a strided convolution gives."""
    dim, kernel, own = config.d_char, config.char_kernel, weights.part("convolution")
    stride = max(1, kernel // 2)
    seen = graph.op("Transpose", masked(graph, states, mask, 0.0), perm=(0, 2, 1))  # (chunks, d_char, chars)
    table, bias = (graph.constant(own.floats(*named)) for named in (("weight", dim, dim, kernel), ("bias", dim)))
    windows = graph.op("Conv", seen, table, bias, kernel_shape=(kernel,), strides=(stride,), pads=(0, kernel - 1))
    windows = graph.op("Transpose", gelu(graph, windows), perm=(0, 2, 1))  # (chunks, windows, d_char)
    last = graph.ints(np.iinfo(np.int64).max)
    return mean_over(graph, windows, graph.op("Slice", mask, graph.ints(0), last, graph.ints(1), graph.ints(stride)))


def mean_over(graph: Graph, states: str, mask: str) -> str:
    """Return the mean of states (chunks, chars, dim) where a mask (chunks, chars, 1) is True, (chunks, dim)."""
    total = graph.op("ReduceSum", masked(graph, states, mask, 0.0), graph.ints(1), keepdims=0)
    count = graph.op("ReduceSum", graph.op("Cast", mask, to=1), graph.ints(1), keepdims=0)
    return graph.op("Div", total, count)


def _scores(graph: Graph, config: CharEncoderConfig, weights: StoredWeights, states: str) -> str:
    """Score each character, (chunks, chars, 1)."""
    hidden = graph.op("Tanh", linear(graph, weights.part("0"), states, (config.d_char, config.d_char)))
    return linear(graph, weights.part("2"), hidden, (config.d_char, 1))


def _weighted(graph: Graph, states: str, mask: str, scores: str) -> str:
    """Return the mean of states by the softmax of scores (chunks, chars, 1)."""
    shares = graph.op("Softmax", masked(graph, scores, mask, -np.inf), axis=1)
    shares = graph.op("Transpose", shares, perm=(0, 2, 1))  # (chunks, 1, chars)
    return graph.op("Squeeze", graph.op("MatMul", shares, states), graph.ints(1))


POOLINGS: dict[str, Pooling] = {
    "softmax": softmax,
    "sigmoid": sigmoid,
    "attention": attention,
    "mean": mean,
    "max": maximum,
    "convolution": convolution,
}
