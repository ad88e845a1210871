"""Turn the character states of a chunk into one vector in E2's input space."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.config import ProjectorConfig
from tiered_st.modules.char_pooling import POOLINGS
from tiered_st.modules.chunk_memory import ChunkMemory, Recalled
from tiered_st.modules.chunk_quantization import QUANTIZATIONS
from tiered_st.modules.learned_words import LearnedWords
from tiered_st.text.tokenizer import FIRST_BYTE


class ChunkProjector(nn.Module):
    """Pool a chunk's characters, recognise it by a memory, add its type, project to ``d_sem`` and normalise.

    The memory, and a coarsening of the result, are there where the configuration says so; words that the model was
    taught, where there are any.
    """

    def __init__(self, config: ProjectorConfig) -> None:
        super().__init__()
        self.weigh = POOLINGS[config.projector_pooling](config)  # pools; named for the default way in saved models
        self.type_embedding = None
        if config.type_embedding:
            self.type_embedding = nn.Embedding(FIRST_BYTE, config.d_char)
            nn.init.normal_(self.type_embedding.weight, std=0.05)
        self.memory = ChunkMemory(config) if config.memory_slots else None
        width = config.d_char + (config.memory_width if config.memory_slots else 0)
        self.linear = nn.Linear(width, config.d_sem)
        self.hidden = self.hidden_out = None
        if config.projector_hidden:
            self.hidden = nn.Linear(width, config.projector_hidden)
            self.hidden_out = nn.Linear(config.projector_hidden, config.d_sem, bias=False)
        self.norm = nn.LayerNorm(config.d_sem)
        self.learned_words: LearnedWords | None = None  # see TieredInput.set_learned_words
        self.quantize = QUANTIZATIONS[config.chunk_quantization]()

    @torch.no_grad()
    def init_output(self, vectors: Tensor) -> None:
        """Start the output at the mean and spread of ``vectors`` (n, d_sem), what a pretrained E2 expects to read."""
        self.norm.weight.copy_(vectors.float().std(dim=0))
        self.norm.bias.copy_(vectors.float().mean(dim=0))

    @torch.no_grad()
    def init_memory(self, vectors: Tensor) -> None:
        """Start the memory's slots from 1 on with the chunk vectors (slots, d_sem) they are to become."""
        if self.memory is not None:
            self.memory.init_values((vectors.float() - self.norm.bias) / self.norm.weight)

    def forward(
        self,
        states: Tensor,
        mask: Tensor,
        types: Tensor,
        correct: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Project chunks.

        Args:
            states: (chunks, chars, d_char) from E1.
            mask: (chunks, chars) boolean.
            types: (chunks,) int64 chunk types.
            correct: makes of the vectors of chunks (chunks, d_sem), and of their pooled characters (chunks, d_char),
                those of what they may be misspellings of (see modules.spellings).

        Returns:
            Chunk vectors (chunks, d_sem).
        """
        pooled = self.weigh(states, mask)  # (chunks, d_char)
        out, recalled = self._project(pooled, types)
        if recalled is not None and correct is not None:
            out = correct(out, pooled)
        if recalled is not None and self.learned_words is not None:
            out = self.learned_words(out, recalled.query, recalled.unknown, types)
        return self.quantize(out)

    def project(self, states: Tensor, mask: Tensor, types: Tensor) -> tuple[Tensor, Recalled | None]:
        """Return what ``forward`` does before learned words and coarsening, and what the memory says of the chunks."""
        return self._project(self.weigh(states, mask), types)

    def _project(self, pooled: Tensor, types: Tensor) -> tuple[Tensor, Recalled | None]:
        recalled = None if self.memory is None else self.memory(pooled)
        if self.type_embedding is not None:
            pooled = pooled + self.type_embedding(types)
        if recalled is not None:
            pooled = torch.cat([pooled, recalled.prototype], dim=1)  # (chunks, d_char + memory_width)
        out = self.linear(pooled)
        if self.hidden is not None and self.hidden_out is not None:
            out = out + self.hidden_out(F.gelu(self.hidden(pooled)))
        if recalled is not None and recalled.meaning is not None:
            out = out + recalled.meaning
        return self.norm(out), recalled
