"""The memory of recognised chunks with 8-bit prototypes and values."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.modules.chunk_memory import ChunkMemory, Recalled
from tiered_st.modules.int8_layers import Int8Linear

_CHUNKS = 2_048  # recalled at a time
_CELLS = 1 << 20  # chunks × slots of a block, whose weights should stay in a core's own cache
_SLOTS = 2_048  # of a block at least


class Int8ChunkMemory(ChunkMemory):
    """Recall as `ChunkMemory` does, slot by slot block, so that no more than a block is ever floating point.

    The softmax is never written down whole: each block of slots is weighed against the likeliest slot so far, and what
    was summed before is scaled down where a likelier one comes (Milakov & Gimelshein 2018, "Online normalizer
    calculation for softmax"). A block is turned into floating point once for all three products, and its weights stay
    in the cache, which makes up for the turning.
    """

    prototypes: Any  # all Linears are Int8Linear here

    def __init__(self, memory: ChunkMemory) -> None:
        nn.Module.__init__(self)  # what a new memory would draw is here already
        self.values = self.meaning = None
        for name, child in memory.named_children():
            setattr(self, name, Int8Linear(child) if type(child) is nn.Linear else child)

    def forward(self, pooled: Tensor) -> Recalled:
        """Recall the mean slot by what each chunk may stand for: see ``ChunkMemory.forward``."""
        query = self.read(pooled)  # (chunks, width)
        recalled, unknown = map(torch.cat, zip(*(self._blocks(block) for block in query.split(_CHUNKS)), strict=True))
        prototype, value = recalled.to(pooled.dtype).tensor_split([self.prototypes.weight.shape[1]], dim=1)
        meaning = None if self.values is None or self.meaning is None else self.meaning(value)
        return Recalled(prototype, meaning, query, unknown.to(pooled.dtype))

    def _blocks(self, query: Tensor) -> tuple[Tensor, Tensor]:
        """Return prototypes and values in the mean over slots, (chunks, width + values), and slot 0's share."""
        slots, width = self.prototypes.weight.shape
        out = query.new_zeros(len(query), width + (0 if self.values is None else len(self.values.weight))).float()
        most = query.new_full((len(query), 1), -torch.inf, dtype=torch.float32)
        total = torch.zeros_like(most)
        nothing = most
        size = max(_SLOTS, _CELLS // max(1, len(query)))
        few = len(query) < width  # then it is the chunks' scores and weights that are scaled, not the slots' prototypes
        for first in range(0, slots, size):
            block = slice(first, first + size)
            scale = self.prototypes.row_scale[block].to(query.dtype)  # (block,)
            table = self.prototypes.weight[block].to(query.dtype)  # (block, width)
            scores = F.linear(query, table if few else table.mul_(scale[:, None]))  # (chunks, block)
            scores = (scores * scale if few else scores).float().add_(self.prototypes.bias[block])
            nothing = scores[:, :1].clone() if first == 0 else nothing  # the score of slot 0
            before, most = most, torch.maximum(most, scores.amax(dim=1, keepdim=True))
            weights = scores.sub_(most).exp_()
            if first:
                fewer = (before - most).exp_()
                out *= fewer
                total *= fewer
            total += weights.sum(dim=1, keepdim=True)
            weights = weights.to(query.dtype)
            out[:, :width] += (weights * scale if few else weights) @ table
            if self.values is not None:
                out[:, width:] += F.linear(weights, self.values.weight[:, block].to(query.dtype))
        out /= total
        if self.values is not None:
            out[:, width:] *= self.values.get_parameter("row_scale")
        return out, (nothing - most).exp() / total
