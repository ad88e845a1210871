"""Our own Transformer as the body of E2."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tiered_st.config import SemanticConfig
from tiered_st.modules.layers import TransformerLayer
from tiered_st.modules.positions import POSITIONS


class OwnTransformer(nn.Module):
    """Our own E2 body: pre-norm Transformer layers."""

    def __init__(self, config: SemanticConfig) -> None:
        super().__init__()
        self.positions = POSITIONS[config.sem_positions](config.d_sem, config.sem_heads, config.max_chunks)
        self.layers = nn.ModuleList(
            TransformerLayer(config.d_sem, config.sem_heads, config.sem_ffn, dropout=config.dropout)
            for _ in range(config.sem_layers)
        )
        self.norm = nn.LayerNorm(config.d_sem)
        self.checkpoint: Callable[..., Tensor] | None = None
        self.every = 1

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Transform chunk vectors (batch, chunks, d_sem) under a mask (batch, chunks)."""
        x = self.positions.enter(x)
        order = self.positions.order(x.shape[1], x.device)
        for i, layer in enumerate(self.layers):
            if self.checkpoint is not None and self.training and i % self.every == 0:
                x = self.checkpoint(layer, x, mask.bool(), order)
            else:
                x = layer(x, mask.bool(), order)
        return self.norm(x)

    def leaves_padding_out(self) -> bool:
        """Say whether a batch of texts of different lengths costs no more than the texts."""
        return False

    def set_attention(self, implementation: str) -> None:
        """Take "sdpa", which this body computes attention by, and refuse any other."""
        if implementation != "sdpa":
            raise ValueError(
                f"attn_implementation={implementation!r} needs a Hugging Face body (config.body); this model's own "
                "Transformer has 'sdpa' alone: leave it out."
            )

    def checkpoint_gradients(self, settings: dict[str, Any] | None, *, every: int = 1, offload: bool = False) -> None:
        """Run every n-th layer again in the backward pass instead of keeping what it computed; None ends that.

        Args:
            settings: of ``torch.utils.checkpoint.checkpoint``.
            every: which layers.
            offload: not there for this body.
        """
        if offload:
            raise ValueError("offload=True needs a Hugging Face body (config.body): leave it out.")
        self.checkpoint = None if settings is None else functools.partial(checkpoint, **settings)
        self.every = every
