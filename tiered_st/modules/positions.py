"""How a Transformer learns the order of what it reads: one small class per way."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from tiered_st.modules.kept_tables import kept


class Order(NamedTuple):
    """What attention is told of the order of a sequence."""

    angles: tuple[Tensor, Tensor] | None = None  # cosines and sines, each (length, head dimension), for rotate
    bias: Tensor | None = None  # added to the scores, (heads, length, length)


class Positions(nn.Module):
    """No positions at all, and what the other ways share.

    Args:
        dim: width of the states.
        heads: number of attention heads.
        length: longest sequence there may be.
    """

    def __init__(self, dim: int, heads: int, length: int) -> None:
        super().__init__()
        self.dim = dim
        self.heads = heads
        self.length = length

    def enter(self, x: Tensor) -> Tensor:
        """Change the states (batch, length, dim) before the first layer."""
        return x

    def order(self, length: int, device: torch.device) -> Order:
        """Return what every layer's attention is told of a sequence."""
        return Order()


class Rotary(Positions):
    """Rotate queries and keys by their place (Su et al., RoFormer, 2021)."""

    def order(self, length: int, device: torch.device) -> Order:
        """Return the angle of each place."""
        return Order(angles=rotary_angles(length, self.dim // self.heads, device))


class Alibi(Positions):
    """Lower a score by distance, each head at its own slope (Press et al. 2022), on either side of a place."""

    def order(self, length: int, device: torch.device) -> Order:
        """Return the bias of each head."""
        slopes = 2.0 ** (-8.0 * torch.arange(1, self.heads + 1, device=device) / self.heads)  # (heads,)
        place = torch.arange(length, device=device)
        distance = (place[:, None] - place[None, :]).abs()  # (length, length)
        return Order(bias=-slopes[:, None, None] * distance)


class Absolute(Positions):
    """Add sines and cosines of the place (Vaswani et al. 2017)."""

    def enter(self, x: Tensor) -> Tensor:
        """Add them to the states."""
        cos, sin = rotary_angles(x.shape[1], self.dim, x.device)
        half = self.dim // 2
        return x + torch.cat([sin[:, :half], cos[:, half:]], dim=-1).to(x.dtype)


class Learned(Positions):
    """Add a learned vector per place (Devlin et al., BERT, 2019)."""

    def __init__(self, dim: int, heads: int, length: int) -> None:
        super().__init__(dim, heads, length)
        self.table = nn.Embedding(length, dim)
        nn.init.normal_(self.table.weight, std=0.02)

    def enter(self, x: Tensor) -> Tensor:
        """Add them to the states, of which there may be ``length`` at most."""
        if x.shape[1] > self.length:
            raise ValueError(
                f"A text has {x.shape[1]} positions, but sem_positions='learned' knows max_chunks={self.length}: "
                "lower max_seq_length, or build the model with a higher max_chunks."
            )
        return x + self.table.weight[: x.shape[1]]


POSITIONS: dict[str, type[Positions]] = {
    "none": Positions,
    "rotary": Rotary,
    "alibi": Alibi,
    "absolute": Absolute,
    "learned": Learned,
}


def rotary_angles(length: int, dim: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return cosines and sines of the rotary angles, each (length, dim), in float32."""
    return kept(_rotary_angles, length, dim, device)


def _rotary_angles(length: int, dim: int, device: torch.device) -> tuple[Tensor, Tensor]:
    rates = 10_000.0 ** (-torch.arange(0, dim, 2, device=device, dtype=torch.float32) / dim)
    angles = torch.outer(torch.arange(length, device=device, dtype=torch.float32), rates)  # (length, dim / 2)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate (…, length, dim) by position."""
    cos, sin = angles
    left, right = x.chunk(2, dim=-1)
    return x * cos.to(x.dtype) + torch.cat([-right, left], dim=-1) * sin.to(x.dtype)
