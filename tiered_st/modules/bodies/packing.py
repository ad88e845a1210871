"""Lay texts of different lengths end to end, without the padding between them."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

_POSITIONS = 512  # that pass through all layers together: their states stay in a core's caches


class Packing(NamedTuple):
    """Say where the real positions of a padded batch are, longest text first, and which texts go together.

    Attributes:
        at: (positions,) int64, their places in the batch laid flat, batch × length; None where nothing is padding.
        columns: (positions,) int64, the place of each in its own text.
        blocks: the texts that pass through all layers together: how many of which length, one after the other.
    """

    at: Tensor | None
    columns: Tensor
    blocks: list[list[tuple[int, int]]]

    def pack(self, x: Tensor) -> Tensor:
        """Lay a batch (batch, length, dim) end to end, (positions, dim)."""
        flat = x.flatten(0, 1)
        return flat if self.at is None else flat[self.at]

    def unpack(self, packed: Tensor, like: Tensor) -> Tensor:
        """Return a batch of the shape of ``like`` (batch, length, dim), zero where there is padding."""
        if self.at is None:
            return packed.view(like.shape)
        flat = packed.new_zeros(like.shape[0] * like.shape[1], packed.shape[-1])
        return flat.index_copy_(0, self.at, packed).view(like.shape)


def pack(mask: Tensor, most: int = _POSITIONS) -> Packing:
    """Leave out what is padding in a mask (batch, length), and put texts together up to ``most`` positions a block."""
    batch, length = mask.shape
    columns = torch.arange(length, device=mask.device)
    real = mask.bool()
    if bool(real.all()):
        return Packing(None, columns.repeat(batch), _blocks([length] * batch, most))
    counts = real.sum(dim=1)
    order = counts.argsort(descending=True, stable=True)  # (batch,)
    rows, places = real[order].nonzero(as_tuple=True)  # each (positions,)
    return Packing(order[rows] * length + places, places, _blocks(counts[order].tolist(), most))


def _blocks(lengths: list[int], most: int) -> list[list[tuple[int, int]]]:
    """Return blocks of (texts, length), from the lengths of texts that are in order; empty texts have no part in it."""
    blocks: list[list[int]] = [[]]
    room = most
    for length in lengths:
        if blocks[-1] and length > room:
            blocks.append([])
            room = most
        if length:
            blocks[-1].append(length)
            room -= length
    return [[(len(list(same)), length) for length, same in groupby(block)] for block in blocks]
