"""Write the layers of torch.nn that E1 and the projector consist of into a graph."""

from __future__ import annotations

from tiered_st.runtime.graph.graph import Graph
from tiered_st.runtime.stored_weights import StoredWeights

LEAST_NORM = 1e-12  # by which torch divides at least
_EPSILON = 1e-5  # torch's default


def linear(graph: Graph, weights: StoredWeights, x: str, size: tuple[int, int], *, bias: bool = True) -> str:
    """Apply an ``nn.Linear`` of (in, out) to (…, in)."""
    inside, outside = size
    product = graph.op("MatMul", x, graph.constant(weights.floats("weight", outside, inside).T))
    return graph.op("Add", product, graph.constant(weights.floats("bias", outside))) if bias else product


def layer_norm(graph: Graph, weights: StoredWeights, x: str, dim: int, epsilon: float = _EPSILON) -> str:
    """Apply an ``nn.LayerNorm`` to (…, dim)."""
    scale, shift = (graph.constant(weights.floats(name, dim)) for name in ("weight", "bias"))
    return graph.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=epsilon)


def normalized(graph: Graph, x: str) -> str:
    """Scale the rows of ``x`` (rows, dim) to length 1, those of hardly any length as torch does."""
    norm = graph.op("ReduceL2", x, graph.ints(1), keepdims=1)
    return graph.op("Div", x, graph.op("Max", norm, graph.constant(LEAST_NORM)))


def gelu(graph: Graph, x: str) -> str:
    """Apply the exact GELU."""
    return graph.op("Gelu", x)


def masked(graph: Graph, x: str, mask: str, otherwise: float) -> str:
    """Put ``otherwise`` where a mask (chunks, chars) is False into (chunks, chars, …)."""
    return graph.op("Where", mask, x, graph.constant(otherwise))
