"""E1's other mixer: depth-wise separable convolutions instead of attention."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.modules.positions import Order


class ConvolutionLayer(nn.Module):
    """A pre-norm layer that mixes neighbours by a depth-wise separable convolution (Chollet, Xception, 2017).

    It is called like a TransformerLayer and has the same feed-forward half; a character sees ``kernel // 2`` others
    on either side, so it needs no positions.

    Args:
        dim: width of the states.
        kernel: characters a convolution sees, an odd number.
        ffn: width of the feed-forward layer.
        zero_init: start both output projections at zero, so that the layer starts as the identity.
    """

    def __init__(self, dim: int, kernel: int, ffn: int, *, zero_init: bool = False) -> None:
        super().__init__()
        self.convolution_norm = nn.LayerNorm(dim)
        self.depth_wise = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=dim)
        self.point_wise = nn.Linear(dim, dim)
        self.ffn_norm = nn.LayerNorm(dim)
        self.ffn_in = nn.Linear(dim, ffn)
        self.ffn_out = nn.Linear(ffn, dim)
        if zero_init:
            for layer in (self.point_wise, self.ffn_out):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)

    def is_identity(self) -> bool:
        """Say whether the layer is frozen in its zero-initialised state, so that running it changes nothing."""
        outputs = (*self.point_wise.parameters(), *self.ffn_out.parameters())
        return not any(p.requires_grad or p.any() for p in outputs)

    def forward(self, x: Tensor, mask: Tensor, order: Order) -> Tensor:
        """Transform states.

        Args:
            x: (batch, length, dim).
            mask: (batch, length) boolean, True where there is something to see.
            order: not needed; a convolution knows left from right.
        """
        # Padding has to be the zeros that the convolution itself adds at the edges, or states would depend on it.
        seen = self.convolution_norm(x).masked_fill(~mask[:, :, None], 0.0)
        mixed = self.depth_wise(seen.transpose(1, 2)).transpose(1, 2)  # (batch, length, dim) by way of channels first
        x = x + self.point_wise(F.gelu(mixed))
        return x + self.ffn_out(F.gelu(self.ffn_in(self.ffn_norm(x))))
