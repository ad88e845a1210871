"""Our own Transformer as the body of E2, as a graph (see modules.bodies.own_transformer)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tiered_st.config import TieredConfig
from tiered_st.runtime.graph.layers import Layers
from tiered_st.runtime.graph.products import FUSED

_EPSILON = 1e-5  # torch's own for a LayerNorm


def own_transformer(layers: Layers, settings: TieredConfig, x: str) -> str:
    """Write the body (pre-norm), (batch, places, d_sem) to (rows, d_sem)."""
    enter, relate = _POSITIONS[settings.sem_positions]
    width, norms = settings.d_sem, [f"body.layers.{i}.ffn_norm" for i in range(settings.sem_layers)]
    x = layers.rows(enter(layers, settings, x), width, "rows")
    turn, scores = relate(layers, settings)
    opened = "body.layers.0.attention_norm" if settings.sem_layers else "body.norm"
    normed = layers.norm(x, opened, "entered", _EPSILON)
    for i in range(settings.sem_layers):
        part = f"body.layers.{i}"
        q, k, v = _split(layers, layers.linear(normed, f"{part}.qkv", f"{i}.qkv"), f"{i}.split")
        qkv = [turn(q, f"{i}.query"), turn(k, f"{i}.key"), v]
        attended = layers.attention(qkv, settings.sem_heads, width, f"{i}.attention", scores=scores)
        more = layers.product(attended, f"{part}.attention_out", f"{i}.attended")
        normed, x = layers.add_and_norm(
            x, more, layers.bias([f"{part}.attention_out"]), norms[i], f"{i}.middle", _EPSILON
        )
        hidden = layers.product(normed, f"{part}.ffn_in", f"{i}.hidden")
        hidden = layers.activation(hidden, layers.bias([f"{part}.ffn_in"]), "gelu", f"{i}.active")
        more = layers.product(hidden, f"{part}.ffn_out", f"{i}.more", gelu=True)
        following = f"body.layers.{i + 1}.attention_norm" if i + 1 < settings.sem_layers else "body.norm"
        normed, x = layers.add_and_norm(x, more, layers.bias([f"{part}.ffn_out"]), following, f"{i}.states", _EPSILON)
    return normed


def _split(layers: Layers, qkv: str, to: str) -> list[str]:
    """Write queries, keys and values apart, each (batch, places, d_sem)."""
    names = [f"{to}.{part}" for part in "qkv"]
    return layers.graph.add_many("Split", [layers.by_text(qkv, f"{to}.by_text")], names, axis=2, num_outputs=3)


Turn = Callable[[str, str], str]  # what queries and keys go through, and what the result is called
Enter = Callable[[Layers, TieredConfig, str], str]
Relate = Callable[[Layers, TieredConfig], tuple[Turn, str]]


def _as_it_is(layers: Layers, settings: TieredConfig, x: str) -> str:
    return x


def _no_relation(layers: Layers, settings: TieredConfig) -> tuple[Turn, str]:
    return lambda states, to: states, ""


def _angles(length: int, dim: int) -> np.ndarray:
    """Return the rotary angle of each place and pair of dimensions, (length, dim / 2)."""
    rates = np.float32(10_000.0) ** (-np.arange(0, dim, 2, dtype=np.float32) / np.float32(dim))
    return np.outer(np.arange(length, dtype=np.float32), rates)


def _add_waves(layers: Layers, settings: TieredConfig, x: str) -> str:
    angles = _angles(settings.max_chunks, settings.d_sem)
    return layers.add_places(x, np.concatenate([np.sin(angles), np.cos(angles)], axis=1), "waves")


def _add_learned(layers: Layers, settings: TieredConfig, x: str) -> str:
    return layers.add_places(x, layers.weights["body.positions.table.weight"], "placed")


def _rotate(layers: Layers, settings: TieredConfig) -> tuple[Turn, str]:
    angles = _angles(settings.max_chunks, settings.d_sem // settings.sem_heads)
    start = layers.graph.weight("start", np.zeros(1, dtype=np.int64))
    order = [start, layers.graph.weight("cosines", np.cos(angles)), layers.graph.weight("sines", np.sin(angles))]

    def turn(states: str, to: str) -> str:
        return layers.graph.add("RotaryEmbedding", [states, *order], to, domain=FUSED, num_heads=settings.sem_heads)

    return turn, ""


def _lower_by_distance(layers: Layers, settings: TieredConfig) -> tuple[Turn, str]:
    graph, heads = layers.graph, settings.sem_heads
    slopes = np.float32(2.0) ** (np.float32(-8.0) * np.arange(1, heads + 1, dtype=np.float32) / np.float32(heads))
    place = layers.first_rows(np.arange(settings.max_chunks, dtype=np.float32)[:, None], "place")  # (places, 1)
    across = graph.add("Transpose", [place], "place.across", perm=[1, 0])  # (1, places)
    distance = graph.add("Abs", [graph.add("Sub", [place, across], "place.apart")], "place.distance")
    return lambda states, to: states, graph.add(
        "Mul", [graph.weight("slopes", -slopes[None, :, None, None]), distance], "alibi"
    )


_POSITIONS: dict[str, tuple[Enter, Relate]] = {
    "rotary": (_as_it_is, _rotate),
    "alibi": (_as_it_is, _lower_by_distance),
    "absolute": (_add_waves, _no_relation),
    "learned": (_add_learned, _no_relation),
}
