"""Encoder 2: learn meaning from chunk vectors alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tiered_st.config import TieredConfig
from tiered_st.modules.layers import TransformerLayer
from tiered_st.modules.positions import POSITIONS
from tiered_st.modules.stored import StoredModule


class OwnTransformer(nn.Module):
    """Our own E2 body: pre-norm Transformer layers."""

    def __init__(self, config: TieredConfig) -> None:
        super().__init__()
        self.positions = POSITIONS[config.sem_positions](config.d_sem, config.sem_heads, config.max_chunks)
        self.layers = nn.ModuleList(
            TransformerLayer(config.d_sem, config.sem_heads, config.sem_ffn, dropout=config.dropout)
            for _ in range(config.sem_layers)
        )
        self.norm = nn.LayerNorm(config.d_sem)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Transform chunk vectors (batch, chunks, d_sem) under a mask (batch, chunks)."""
        x = self.positions.enter(x)
        order = self.positions.order(x.shape[1], x.device)
        for layer in self.layers:
            x = layer(x, mask.bool(), order)
        return self.norm(x)


# Settings by which a configuration can make transformers fetch or run code: a checkpoint has no say in these.
_CODE_SETTINGS = (
    "auto_map",
    "attn_implementation",
    "experts_implementation",
    "trust_remote_code",
    "quantization_config",
)


class HuggingFaceBody(nn.Module):
    """Any Hugging Face encoder, fed through ``inputs_embeds``; its vocabulary table is dropped.

    Raises:
        ValueError: if the settings are not those of a single encoder that transformers has built in.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        from transformers import CONFIG_MAPPING, AutoModel

        settings = {key: value for key, value in settings.items() if not key.startswith("_")}
        if risky := [key for key in _CODE_SETTINGS if settings.get(key) is not None]:
            raise ValueError(f"body sets {', '.join(risky)}, by which transformers may run foreign code: leave it out.")
        kind = settings.pop("model_type", None)
        if kind not in CONFIG_MAPPING:
            raise ValueError(f"body has model_type={kind!r}, which transformers does not have built in.")
        if any(isinstance(value, dict) and "model_type" in value for value in settings.values()):
            raise ValueError(f"body has model_type={kind!r}, made of several models: give a single encoder.")
        config = CONFIG_MAPPING[kind](**settings)
        config.vocab_size, config.pad_token_id = 1, 0  # the table cannot be left out, so it has one unused row
        self.model = AutoModel.from_config(config)
        if getattr(self.model, "pooler", None) is not None:
            self.model.pooler = None

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Transform chunk vectors (batch, chunks, d_sem) under a mask (batch, chunks)."""
        return self.model(inputs_embeds=x, attention_mask=mask).last_hidden_state


def level_marks(states: Tensor, mask: Tensor) -> Tensor:
    """Give the two marks of each text the mean of the states between them, so that they do not move the mean.

    The stock Pooling reads the attention mask, and losses trim batches by it: it has to say what is there, marks too.

    Args:
        states: (batch, chunks, d_sem).
        mask: (batch, chunks), ones then zeros.

    Returns:
        States of the same shape; a text of nothing but its marks keeps them.
    """
    between = mask.clone()
    between[:, 0] = 0
    between.scatter_(1, mask.sum(dim=1, keepdim=True).clamp_min(1) - 1, 0)  # (batch, chunks)
    weights = between.to(states.dtype)
    count = weights.sum(dim=1, keepdim=True)  # (batch, 1)
    mean = torch.einsum("bcd,bc->bd", states, weights) / count.clamp_min(1)  # (batch, d_sem)
    marks = (mask.bool() & ~between.bool() & (count > 0))[:, :, None]  # (batch, chunks, 1)
    return torch.where(marks, mean[:, None, :], states)


class SemanticEncoder(StoredModule):
    """E2: turn ``token_embeddings`` (batch, chunks, d_sem) into contextual ones of the same shape."""

    def __init__(self, config: TieredConfig | dict[str, Any], *, storage: str = "float32") -> None:
        super().__init__(config, storage=storage)
        body = self.settings.body
        self.body = OwnTransformer(self.settings) if body is None else HuggingFaceBody(body)

    def forward(self, features: dict[str, Tensor | Any], **kwargs: Any) -> dict[str, Tensor | Any]:
        """Read ``chunk_embeddings`` (batch, chunks, d_sem), write ``token_embeddings`` of the same shape."""
        # Reading the untouched reference keeps forward re-runnable on the same dict.
        states = self.body(features["chunk_embeddings"], features["attention_mask"])
        if not self.settings.pool_marks:
            states = level_marks(states, features["attention_mask"])
        features["token_embeddings"] = states
        return features
