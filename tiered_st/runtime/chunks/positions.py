"""Tell attention the order of what it reads: modules.positions as inputs of a graph, one small class per way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiered_st.config import CharEncoderConfig
from tiered_st.runtime.graph import Graph
from tiered_st.runtime.position_tables import alibi_slopes, rotary_angles


class Positions:
    """No positions at all, and what the other ways share."""

    def __init__(self, graph: Graph, config: CharEncoderConfig) -> None:
        self.heads = config.char_heads
        self.dim = config.d_char // config.char_heads

    def feeds(self, length: int) -> dict[str, NDArray[np.float32]]:
        """Return what the graph is told of a sequence of ``length``."""
        return {}

    def turn(self, graph: Graph, x: str) -> str:
        """Change queries, or keys, (batch, heads, length, head dimension)."""
        return x

    def weigh(self, graph: Graph, scores: str) -> str:
        """Change scores (batch, heads, length, length)."""
        return scores


class Rotary(Positions):
    """Rotate queries and keys by their place."""

    def __init__(self, graph: Graph, config: CharEncoderConfig) -> None:
        super().__init__(graph, config)
        self.cos, self.sin = (graph.input(name, np.float32, ("length", self.dim)) for name in ("cos", "sin"))

    def feeds(self, length: int) -> dict[str, NDArray[np.float32]]:
        """Return the angles of each place."""
        angles = np.tile(rotary_angles(length, self.dim), 2)  # (length, head dimension)
        return {"cos": np.cos(angles), "sin": np.sin(angles)}

    def turn(self, graph: Graph, x: str) -> str:
        """Rotate."""
        left, right = graph.ops("Split", x, results=2, axis=-1, num_outputs=2)
        turned = graph.op("Concat", graph.op("Neg", right), left, axis=-1)
        return graph.op("Add", graph.op("Mul", x, self.cos), graph.op("Mul", turned, self.sin))


class Alibi(Positions):
    """Lower a score by distance, each head at its own slope."""

    def __init__(self, graph: Graph, config: CharEncoderConfig) -> None:
        super().__init__(graph, config)
        self.bias = graph.input("bias", np.float32, (self.heads, "length", "length"))

    def feeds(self, length: int) -> dict[str, NDArray[np.float32]]:
        """Return the bias of each head."""
        slopes = alibi_slopes(self.heads)
        place = np.arange(length, dtype=np.float32)
        return {"bias": (-slopes[:, None, None] * np.abs(place[:, None] - place)).astype(np.float32)}

    def weigh(self, graph: Graph, scores: str) -> str:
        """Add the bias."""
        return graph.op("Add", scores, self.bias)


POSITIONS: dict[str, type[Positions]] = {"none": Positions, "rotary": Rotary, "alibi": Alibi}
