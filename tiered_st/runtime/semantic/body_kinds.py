"""How encoders of BERT's make differ: what their settings and weights are called, and where positions begin.

All of them are post-norm Transformers with learned positions, which ``bert`` writes as a graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tiered_st.config import KEPT_PADS

# What transformers takes where a configuration does not say.
_DEFAULTS: dict[str, Any] = {
    "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072, "hidden_act": "gelu",
    "max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
}  # fmt: skip
# What no graph is written for, and the one value of each that changes nothing.
_REFUSED: dict[str, Any] = {"is_decoder": False, "add_cross_attention": False, "position_embedding_type": "absolute"}


@dataclass(frozen=True)
class BodyKind:
    """Name the parts of an encoder's layer by the names of its weights.

    Attributes:
        layers: where the layers are.
        qkv: query, key and value; then
        attended, attended_norm, inner, outer, norm: the parts of a layer, in the order in which states pass them.
        settings: by BERT's name of a setting, what it is called here.
        defaults: values of settings that are not BERT's where a configuration does not say.
        places_from_pad: whether positions begin behind the padding id.
        has_types: whether there are embeddings of BERT's two sentences.
        relative: whether attention has a learned bias by distance (MPNet, Song et al. 2020).
    """

    layers: str = "encoder.layer"
    qkv: tuple[str, str, str] = ("attention.self.query", "attention.self.key", "attention.self.value")
    attended: str = "attention.output.dense"
    attended_norm: str = "attention.output.LayerNorm"
    inner: str = "intermediate.dense"
    outer: str = "output.dense"
    norm: str = "output.LayerNorm"
    settings: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    places_from_pad: bool = False
    has_types: bool = True
    relative: bool = False

    def of(self, body: Mapping[str, Any], name: str) -> Any:
        """Return a setting of a body's configuration by BERT's name."""
        own = self.settings.get(name, name)
        value = body.get(own, body.get(name))  # transformers takes both names
        return {**_DEFAULTS, **self.defaults}[name] if value is None else value

    def pad(self, body: Mapping[str, Any]) -> int:
        """Return the padding id that modules.bodies keeps: 0 instead of a large one, or of none."""
        pad = body.get("pad_token_id", self.defaults.get("pad_token_id", 0))
        return pad if pad in KEPT_PADS else 0

    def check(self, body: Mapping[str, Any]) -> None:
        """Refuse settings that a graph would ignore.

        Raises:
            ValueError: if there are any.
        """
        for name, still in _REFUSED.items():
            if body.get(name, still) not in (still, None):
                raise ValueError(f"body has {name}={body[name]!r}: the runtime runs {name}={still!r} alone.")


_ROBERTA = BodyKind(places_from_pad=True, defaults={"pad_token_id": 1})
KINDS: dict[str, BodyKind] = {
    "bert": BodyKind(),
    "electra": BodyKind(
        defaults={"num_attention_heads": 4, "intermediate_size": 1024},
    ),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "distilbert": BodyKind(
        layers="transformer.layer", qkv=("attention.q_lin", "attention.k_lin", "attention.v_lin"),
        attended="attention.out_lin", attended_norm="sa_layer_norm",
        inner="ffn.lin1", outer="ffn.lin2", norm="output_layer_norm",
        settings={
            "num_hidden_layers": "n_layers", "num_attention_heads": "n_heads", "intermediate_size": "hidden_dim",
            "hidden_act": "activation",
        },
        defaults={"num_hidden_layers": 6}, has_types=False,
    ),
    "mpnet": BodyKind(
        qkv=("attention.attn.q", "attention.attn.k", "attention.attn.v"),
        attended="attention.attn.o", attended_norm="attention.LayerNorm",
        places_from_pad=True, has_types=False, relative=True, defaults={"pad_token_id": 1},
    ),
}  # fmt: skip
