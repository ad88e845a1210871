"""How our own Transformer learns the order of what it reads: modules.positions as a graph, one small class per way."""

from __future__ import annotations

import numpy as np

from tiered_st.config import SemanticConfig
from tiered_st.runtime.graph import FUSED
from tiered_st.runtime.position_tables import alibi_slopes, rotary_angles
from tiered_st.runtime.semantic.writer import Writer
from tiered_st.runtime.stored_weights import StoredWeights


class Positions:
    """No positions at all, and what the other ways share.

    Args:
        writer: of the layers.
        config: the model's configuration.
        weights: those of the positions.
    """

    scores = ""  # what is added to attention's scores, (1, heads, places, places)

    def __init__(self, writer: Writer, config: SemanticConfig, weights: StoredWeights) -> None:
        self.writer = writer
        self.config = config
        self.weights = weights

    def enter(self, x: str) -> str:
        """Change the states (batch, places, d_sem) before the first layer."""
        return x

    def turn(self, x: str) -> str:
        """Change queries or keys (batch, places, d_sem)."""
        return x


class Rotary(Positions):
    """Rotate queries and keys by their place."""

    def __init__(self, writer: Writer, config: SemanticConfig, weights: StoredWeights) -> None:
        super().__init__(writer, config, weights)
        angles = rotary_angles(config.max_chunks, config.d_sem // config.sem_heads)
        constant = writer.graph.constant
        self._order = writer.graph.ints(0), constant(np.cos(angles)), constant(np.sin(angles))

    def turn(self, x: str) -> str:
        """Rotate them."""
        heads = self.config.sem_heads
        return self.writer.graph.op("RotaryEmbedding", x, *self._order, domain=FUSED, num_heads=heads)


class Alibi(Positions):
    """Lower a score by distance, each head at its own slope."""

    def __init__(self, writer: Writer, config: SemanticConfig, weights: StoredWeights) -> None:
        super().__init__(writer, config, weights)
        op, heads = writer.graph.op, config.sem_heads
        slopes = alibi_slopes(heads)
        place = writer.first_rows(np.arange(config.max_chunks, dtype=np.float32)[:, None])  # (places, 1)
        distance = op("Abs", op("Sub", place, op("Transpose", place, perm=[1, 0])))
        self.scores = op("Mul", writer.graph.constant(-slopes[None, :, None, None]), distance)


class Absolute(Positions):
    """Add sines and cosines of the place."""

    def enter(self, x: str) -> str:
        """Add them to the states."""
        angles = rotary_angles(self.config.max_chunks, self.config.d_sem)
        return self.writer.add_places(x, np.concatenate([np.sin(angles), np.cos(angles)], axis=1))


class Learned(Positions):
    """Add a learned vector per place."""

    def enter(self, x: str) -> str:
        """Add them to the states."""
        table = self.weights.floats("table.weight", self.config.max_chunks, self.config.d_sem)
        return self.writer.add_places(x, table)


POSITIONS: dict[str, type[Positions]] = {
    "rotary": Rotary, "alibi": Alibi, "absolute": Absolute, "learned": Learned,
}  # fmt: skip
