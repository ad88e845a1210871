"""Start E2 as the layers of a teacher."""

from __future__ import annotations

import copy
from typing import Any

from sentence_transformers import SentenceTransformer
from torch import nn

from tiered_st.modules import SemanticEncoder
from tiered_st.modules.bodies import HuggingFaceBody
from training.teacher import encoder_of
from training.warm_start.layer_names import check_layers, layer_sources
from training.warm_start.narrow_ffn import narrow_ffn


def body_config(
    teacher: SentenceTransformer, layers: tuple[int, ...] | None = None, ffn: int | None = None
) -> dict[str, Any]:
    """Return the teacher's encoder configuration without dropout, as ``TieredConfig.body`` wants it.

    Args:
        teacher: opens with a Hugging Face encoder.
        layers: the layers to keep, counted from 0; by default all.
        ffn: the feed-forward units to keep in each; by default all.
    """
    config = copy.deepcopy(encoder_of(teacher).config)
    width = config.hidden_size
    if ffn is not None:
        units = getattr(config, "intermediate_size", 0)
        if not 0 < ffn <= units:
            raise ValueError(f"warm_ffn={ffn} must be between 1 and the {units} feed-forward units of the teacher.")
        config.intermediate_size = ffn
    if layers is not None:
        check_layers(layers, config.num_hidden_layers)
        kinds = getattr(config, "layer_types", None)
        config.num_hidden_layers = len(layers)
        if kinds is not None:  # ModernBERT: local or global attention, layer by layer
            config.layer_types = [kinds[layer] for layer in layers]
    drop = ("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version")
    body = {key: value for key, value in config.to_dict().items() if key not in drop}
    dropouts = {key: 0.0 for key, value in body.items() if "dropout" in key and isinstance(value, float)}
    return body | {"hidden_size": width} | dropouts


def warm_start(encoder: nn.Module, teacher: SentenceTransformer, layers: tuple[int, ...] | None = None) -> None:
    """Copy the teacher's layers into E2, all but its vocabulary, and of their feed-forward units as many as E2 has.

    Args:
        encoder: a SemanticEncoder whose body is of :func:`body_config`'s making.
        teacher: opens with a Hugging Face encoder.
        layers: the teacher's layers in the order of E2's, e.g. (0, 2, 5) for three; by default all (Sanh et al.,
            DistilBERT, 2019, take every other one).
    """
    if not isinstance(encoder, SemanticEncoder) or not isinstance(encoder.body, HuggingFaceBody):
        raise ValueError("Only an E2 with a Hugging Face body (config.body) can start from a teacher's layers.")
    body = encoder.body.model
    table = body.get_input_embeddings().get_parameter("weight")
    own = {name: value for name, value in body.state_dict(keep_vars=True).items() if value is not table}
    theirs = encoder_of(teacher).state_dict()
    sources = {name: name for name in own} if layers is None else layer_sources(own, theirs, layers)
    theirs = narrow_ffn(theirs, {source: own[name].shape for name, source in sources.items()})
    copied = {
        name: theirs[source]
        for name, source in sources.items()
        if source in theirs and theirs[source].shape == own[name].shape
    }
    if missing := [sources[name] for name in own if name not in copied]:
        raise ValueError(f"The teacher has no {', '.join(missing[:3])}: config.body is not its configuration.")
    body.load_state_dict(copied, strict=False)
