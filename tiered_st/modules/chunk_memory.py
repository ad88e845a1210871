"""Recognise a chunk: attend over prototypes of the chunks that are met most often."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.config import ProjectorConfig
from tiered_st.modules.tracing import is_traced

_BLOCK = 2_048  # chunks whose scores, one per prototype, are held at a time in inference


class Recalled(NamedTuple):
    """What the memory says of chunks.

    Attributes:
        prototype: (chunks, width), the mean prototype by what each may stand for.
        meaning: (chunks, d_sem), the mean value, None without ``memory_values``.
        query: (chunks, width), how each reads.
        unknown: (chunks, 1), the share of slot 0: that it stands for no word that the memory has.
    """

    prototype: Tensor
    meaning: Tensor | None
    query: Tensor
    unknown: Tensor


class ChunkMemory(nn.Module):
    """Weigh what a spelling may stand for, and return the mean of the prototypes by these weights.

    A small network that maps spellings to vectors can only interpolate, and a misspelt word comes out between all the
    words it resembles. A softmax over prototypes can settle on one of them: it is a spell-checker whose dictionary and
    error model are learned and whose answer stays a distribution (a modern Hopfield network, Ramsauer et al. 2021; the
    noisy channel of Kernighan et al. 1990). Slot 0 stands for all chunks that have no prototype.

    With ``memory_values`` a slot also has a value, what its chunk means: prototypes are shaped by spelling, values by
    what E2 is to read.
    """

    def __init__(self, config: ProjectorConfig) -> None:
        super().__init__()
        width = config.memory_width
        self.query = nn.Linear(config.d_char, width)
        self.hidden = nn.Linear(config.d_char, 4 * width)
        self.hidden_out = nn.Linear(4 * width, width, bias=False)
        self.prototypes = nn.Linear(width, 1 + config.memory_slots)  # its bias is what is expected before reading
        nn.init.normal_(self.prototypes.weight, std=0.05)
        nn.init.zeros_(self.prototypes.bias)
        self.values = self.meaning = None
        if config.memory_values:
            self.values = nn.Linear(1 + config.memory_slots, config.memory_values, bias=False)
            self.meaning = nn.Linear(config.memory_values, config.d_sem, bias=False)
            nn.init.normal_(self.values.weight, std=0.05)

    @torch.no_grad()
    def init_biases(self, probabilities: Tensor) -> None:
        """Start from the probability of each slot (1 + slots,), what is expected of a chunk before it is read."""
        self.prototypes.bias.copy_(probabilities.clamp_min(1e-8).log())

    @torch.no_grad()
    def init_values(self, vectors: Tensor) -> None:
        """Start the slots from 1 on with values that mean ``vectors`` (slots, d_sem), as nearly as their width allows.

        The width keeps the principal axes of the vectors; slot 0 means nothing.
        """
        if self.values is None or self.meaning is None:
            return
        axes = torch.linalg.eigh(vectors.double().T @ vectors.double())[1].flip(1)  # (d_sem, d_sem)
        axes = axes[:, : self.values.out_features].to(vectors.dtype)  # (d_sem, values)
        self.values.weight.zero_()
        self.values.weight[:, 1 : 1 + len(vectors)] = (vectors @ axes).T
        self.meaning.weight.copy_(axes)

    def read(self, pooled: Tensor) -> Tensor:
        """Return how chunks read, what prototypes are compared with: (chunks, d_char) to (chunks, width)."""
        return self.query(pooled) + self.hidden_out(F.gelu(self.hidden(pooled)))

    def forward(self, pooled: Tensor) -> Recalled:
        """Recall the mean slot by what each chunk may stand for, pooled characters (chunks, d_char)."""
        if torch.is_grad_enabled() or is_traced() or len(pooled) <= _BLOCK:
            return self._recall(pooled)
        prototype, meaning, query, unknown = zip(*(self._recall(block) for block in pooled.split(_BLOCK)), strict=True)
        meanings = None if self.values is None else torch.cat(meaning)
        return Recalled(torch.cat(prototype), meanings, torch.cat(query), torch.cat(unknown))

    def _recall(self, pooled: Tensor) -> Recalled:
        query = self.read(pooled)
        # Every slot counts: of a misspelt or rare chunk, those that each weigh next to nothing weigh a tenth together.
        weights = torch.softmax(self.prototypes(query).float(), dim=1).to(pooled.dtype)  # (chunks, 1 + slots)
        prototype = weights @ self.prototypes.weight
        meaning = None if self.values is None or self.meaning is None else self.meaning(self.values(weights))
        return Recalled(prototype, meaning, query, weights[:, :1])
