"""Encoder 1: read the characters of a chunk."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.config import CharEncoderConfig
from tiered_st.modules.char_span import SPANS
from tiered_st.modules.convolution import ConvolutionLayer
from tiered_st.modules.hashed_ngrams import HashedNgrams
from tiered_st.modules.layers import TransformerLayer
from tiered_st.modules.positions import POSITIONS
from tiered_st.modules.tracing import is_traced
from tiered_st.text.tokenizer import END, PAD, START, VOCAB_SIZE

CharLayer = TransformerLayer | ConvolutionLayer
MIXERS: dict[str, Callable[[CharEncoderConfig], CharLayer]] = {
    "transformer": lambda c: TransformerLayer(c.d_char, c.char_heads, c.char_ffn, zero_init=True),
    "convolution": lambda c: ConvolutionLayer(c.d_char, c.char_kernel, c.char_ffn, zero_init=True),
}


class CharEncoder(nn.Module):
    """E1: character and hashed n-gram embeddings, then a few layers over what a character sees.

    By default that is its chunk: the chunk's states then depend on its characters alone, so that equal chunks need
    encoding once (``span.chunk_local``). The layers start as the identity (their output projections are zero):
    n-grams learn word identity first, the layers then learn spelling.
    """

    def __init__(self, config: CharEncoderConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCAB_SIZE, config.d_char, padding_idx=PAD)
        nn.init.normal_(self.embedding.weight, std=0.05)
        self.ngrams = HashedNgrams(config) if config.ngram_buckets else None
        self.layers = nn.ModuleList(MIXERS[config.char_mixer](config) for _ in range(config.char_layers))
        self.norm = nn.LayerNorm(config.d_char)
        self.positions = POSITIONS[config.char_positions](config.d_char, config.char_heads, config.chunk_chars + 1)
        self.span = SPANS[config.char_span]()

    def forward(self, rows: Tensor, texts: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Encode chunks.

        Args:
            rows: (chunks, chars) int64: chunk type, characters, PAD.
            texts: (chunks,) int64, the text each chunk is of, for spans beyond the chunk; the chunks of a text follow
                one another. Without it each chunk is a text.

        Returns:
            States (chunks, chars + 1, d_char) and their boolean mask (chunks, chars + 1), START and END included.
        """
        features, mask = self.embed(rows)
        return self.contextualize(features, mask, texts), mask

    def embed(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the raw features of each character, (chunks, chars + 1, d_char), and their mask, as in forward."""
        lengths = (rows != PAD).sum(dim=1) + 1  # the type's place is START's, and END joins
        ids = F.pad(rows, (0, 1))
        ids[:, 0] = START
        ids.scatter_(1, lengths[:, None] - 1, END)
        mask = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
        x = self.embedding(ids)  # (chunks, chars + 1, d_char)
        if self.ngrams is not None:
            x = x + self.ngrams(ids, lengths)
        return x, mask

    def contextualize(self, features: Tensor, mask: Tensor, texts: Tensor | None = None) -> Tensor:
        """Return the states (chunks, chars + 1, d_char) of what :meth:`embed` gave."""
        if texts is None:
            texts = torch.arange(features.shape[0], device=features.device)
        return self.norm(self.span.read(features, mask, texts, self._run_layers))

    def _run_layers(self, x: Tensor, mask: Tensor) -> Tensor:
        order = self.positions.order(x.shape[1], x.device)
        for layer in self.layers:
            assert isinstance(layer, CharLayer)
            if is_traced() or not layer.is_identity():
                x = layer(x, mask, order)
        return x
