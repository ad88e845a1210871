"""How the characters of a chunk become one vector: one small class per way.

Each takes states (chunks, chars, d_char) and a boolean mask (chunks, chars) with at least one True per chunk, and
returns (chunks, d_char); states behind the mask do not count.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.config import CharEncoderConfig


class SoftmaxPooling(nn.Sequential):
    """Take the mean by learned weights: a small MLP scores each character, and a softmax over the chunk weighs them.

    The scorer's layers are the module's own, since saved models name them so.
    """

    def __init__(self, config: CharEncoderConfig) -> None:
        super().__init__(nn.Linear(config.d_char, config.d_char), nn.Tanh(), nn.Linear(config.d_char, 1))

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]
        """Pool states."""
        scores = super().forward(states).squeeze(-1).float()  # (chunks, chars)
        weights = torch.softmax(self.log_weights(scores).masked_fill(~mask, float("-inf")), dim=1).to(states.dtype)
        return torch.bmm(weights[:, None, :], states).squeeze(1)  # (chunks, d_char)

    def log_weights(self, scores: Tensor) -> Tensor:
        """Return the logarithms of the weights before they are made to sum to one, (chunks, chars)."""
        return scores


class SigmoidPooling(SoftmaxPooling):
    """Take the mean by learned weights, each the sigmoid of its score: no character can outweigh all others."""

    def log_weights(self, scores: Tensor) -> Tensor:
        """Return the logarithms of the weights, (chunks, chars)."""
        return F.logsigmoid(scores)  # in logarithms, so that weights which all vanish still have a sum to divide by


class AttentionPooling(nn.Module):
    """Let each head weigh the characters by a query of its own (Lee et al., Set Transformer, 2019).

    The queries do not depend on the input, so that a projection to keys would only be another factor of them.
    """

    def __init__(self, config: CharEncoderConfig) -> None:
        super().__init__()
        self.heads = config.char_heads
        self.queries = nn.Linear(config.d_char, config.char_heads, bias=False)
        self.values = nn.Linear(config.d_char, config.d_char)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Pool states."""
        scores = self.queries(states).float().masked_fill(~mask[:, :, None], float("-inf"))  # (chunks, chars, heads)
        weights = torch.softmax(scores, dim=1).to(states.dtype)
        values = self.values(states).unflatten(-1, (self.heads, -1))  # (chunks, chars, heads, d_char / heads)
        return torch.einsum("cnh,cnhd->chd", weights, values).flatten(1)  # (chunks, d_char)


class MeanPooling(nn.Module):
    """Take the mean."""

    def __init__(self, config: CharEncoderConfig) -> None:
        super().__init__()

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Pool states."""
        return mean_over(states, mask)


class MaxPooling(nn.Module):
    """Take the largest value of each dimension."""

    def __init__(self, config: CharEncoderConfig) -> None:
        super().__init__()

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Pool states."""
        return states.masked_fill(~mask[:, :, None], float("-inf")).amax(dim=1)


class ConvolutionPooling(nn.Module):
    """Take the mean of what a strided convolution gives (Clark et al., CANINE, 2022).

    Windows of ``char_kernel`` characters overlap by about half; each that starts at a character counts.
    """

    def __init__(self, config: CharEncoderConfig) -> None:
        super().__init__()
        self.stride = max(1, config.char_kernel // 2)
        self.convolution = nn.Conv1d(config.d_char, config.d_char, config.char_kernel, stride=self.stride)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Pool states."""
        seen = states.masked_fill(~mask[:, :, None], 0.0).transpose(1, 2)  # (chunks, d_char, chars)
        windows = self.convolution(F.pad(seen, (0, self.convolution.kernel_size[0] - 1)))
        return mean_over(F.gelu(windows).transpose(1, 2), mask[:, :: self.stride])


def mean_over(states: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of states (chunks, chars, dim) where the mask (chunks, chars) is True, (chunks, dim)."""
    total = states.masked_fill(~mask[:, :, None], 0.0).sum(dim=1)
    return total / mask.sum(dim=1, keepdim=True).to(states.dtype)


POOLINGS: dict[str, type[nn.Module]] = {
    "softmax": SoftmaxPooling,
    "sigmoid": SigmoidPooling,
    "attention": AttentionPooling,
    "mean": MeanPooling,
    "max": MaxPooling,
    "convolution": ConvolutionPooling,
}
