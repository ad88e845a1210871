"""The body of a BERT of Hugging Face, as a graph."""

from __future__ import annotations

from typing import Any

from tiered_st.config import TieredConfig
from tiered_st.runtime.graph.layers import Layers

_IN = "body.model.embeddings"


def bert(layers: Layers, settings: TieredConfig, x: str) -> str:
    """Write the body (Devlin et al. 2019; post-norm, learned positions), (batch, places, d_sem) to (rows, d_sem)."""
    body: dict[str, Any] = settings.body or {}
    width, epsilon = settings.d_sem, float(body["layer_norm_eps"])
    # Chunk vectors stand in the words' place, and every chunk is of the first of BERT's two sentences.
    table = layers.weights[f"{_IN}.position_embeddings.weight"]
    x = layers.add_places(x, table + layers.weights[f"{_IN}.token_type_embeddings.weight"][0], "placed")
    x = layers.norm(layers.rows(x, width, "rows"), f"{_IN}.LayerNorm", "entered", epsilon)
    for i in range(body["num_hidden_layers"]):
        part = f"body.model.encoder.layer.{i}"
        own = [f"{part}.attention.self.{name}" for name in ("query", "key", "value")]
        qkv = [layers.by_text(layers.product(x, name, f"{name}.out"), f"{name}.by_text") for name in own]
        attended = layers.attention(qkv, body["num_attention_heads"], width, f"{i}.attention", bias=layers.bias(own))
        x = _add(layers, x, attended, f"{part}.attention.output", f"{i}.middle", epsilon)
        hidden = layers.product(x, f"{part}.intermediate.dense", f"{i}.hidden")
        hidden = layers.activation(
            hidden, layers.bias([f"{part}.intermediate.dense"]), body["hidden_act"], f"{i}.active"
        )
        x = _add(layers, x, hidden, f"{part}.output", f"{i}.states", epsilon, gelu=True)
    return x


def _add(layers: Layers, x: str, inner: str, name: str, to: str, epsilon: float, *, gelu: bool = False) -> str:
    """Write a block's last Linear, its sum with what entered the block, and their LayerNorm."""
    more = layers.product(inner, f"{name}.dense", f"{to}.more", gelu=gelu)
    return layers.add_and_norm(x, more, layers.bias([f"{name}.dense"]), f"{name}.LayerNorm", to, epsilon)[0]
