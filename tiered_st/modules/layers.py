"""Transformer blocks shared by both encoders."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.modules.positions import Order, rotate


class TransformerLayer(nn.Module):
    """A pre-norm Transformer layer.

    Args:
        dim: width of the states.
        heads: number of attention heads.
        ffn: width of the feed-forward layer.
        dropout: probability, in training only.
        zero_init: start both output projections at zero, so that the layer starts as the identity.
    """

    def __init__(self, dim: int, heads: int, ffn: int, *, dropout: float = 0.0, zero_init: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.attention_norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.attention_out = nn.Linear(dim, dim)
        self.ffn_norm = nn.LayerNorm(dim)
        self.ffn_in = nn.Linear(dim, ffn)
        self.ffn_out = nn.Linear(ffn, dim)
        if zero_init:
            for layer in (self.attention_out, self.ffn_out):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)

    def is_identity(self) -> bool:
        """Say whether the layer is frozen in its zero-initialised state, so that running it changes nothing."""
        outputs = (*self.attention_out.parameters(), *self.ffn_out.parameters())
        return not any(p.requires_grad or p.any() for p in outputs)

    def forward(self, x: Tensor, mask: Tensor, order: Order) -> Tensor:
        """Transform states.

        Args:
            x: (batch, length, dim).
            mask: boolean, True where there is something to attend to: (batch, length), or (batch, length, length)
                where it depends on who attends.
            order: what the layer is told of the order of the sequence.
        """
        batch, length, dim = x.shape
        qkv = self.qkv(self.attention_norm(x)).view(batch, length, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, length, dim / heads)
        if order.angles is not None:
            q, k = rotate(q, order.angles), rotate(k, order.angles)
        allowed = mask[:, None, None, :] if mask.ndim == 2 else mask[:, None]  # (batch, 1, 1 or length, length)
        if order.bias is not None:
            allowed = order.bias.to(q.dtype).masked_fill(~allowed, float("-inf"))  # (batch, heads, length, length)
        rate = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed, dropout_p=rate)
        attended = attended.transpose(1, 2).reshape(batch, length, dim)
        x = x + F.dropout(self.attention_out(attended), self.dropout, self.training)
        hidden = F.gelu(self.ffn_in(self.ffn_norm(x)))
        return x + F.dropout(self.ffn_out(hidden), self.dropout, self.training)
