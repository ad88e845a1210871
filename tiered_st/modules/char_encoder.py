"""Encoder 1: read the characters of a chunk."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.config import TieredConfig
from tiered_st.modules.char_span import SPANS
from tiered_st.modules.convolution import ConvolutionLayer
from tiered_st.modules.layers import TransformerLayer
from tiered_st.modules.positions import POSITIONS
from tiered_st.modules.row_sums import sum_rows
from tiered_st.modules.tracing import is_traced
from tiered_st.text.tokenizer import END, PAD, START, VOCAB_SIZE

# Odd multipliers, so that polynomial hashes of ids are invertible modulo 2**64, and a finaliser's constants.
_BASE = 0x9E3779B97F4A7C15
_MIX_1, _MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def _int64(value: int) -> int:
    """Return ``value`` modulo 2**64 as torch reads it, a signed 64-bit integer."""
    value %= 1 << 64
    return value - (1 << 64) if value >= 1 << 63 else value


def mix(h: Tensor) -> Tensor:
    """Scatter the bits of 64-bit hashes, any shape (the finaliser of SplitMix64)."""
    h = (h ^ ((h >> 30) & 0x3FFFFFFFF)) * _int64(_MIX_1)
    h = (h ^ ((h >> 27) & 0x1FFFFFFFFF)) * _int64(_MIX_2)
    return h ^ ((h >> 31) & 0x1FFFFFFFF)


def powers(length: int, device: torch.device) -> Tensor:
    """Return the powers 0 … length-1 of the hash base modulo 2**64, shape (length,) int64."""
    return torch.tensor([_int64(pow(_BASE, k, 1 << 64)) for k in range(length)], device=device)


class HashedNgrams(nn.Module):
    """Embed, at each character, the hashed n-grams that start there (Bojanowski et al., 2017, fastText).

    With ``leave_one_out`` the whole chunk is hashed at its start mark and, at each character, the chunk *without* that
    character, in the same buckets. A misspelt word then shares a bucket with the word it stands for: "helo" is what
    "hello" leaves when it loses its l, and "hellp" and "hello" both leave "hell" (SymSpell's deletion neighbourhood,
    Garbe 2012, made differentiable).

    With ``ngram_width`` the table is that narrow and one matrix widens its sums to d_char: most of a model's size is
    this table.
    """

    def __init__(self, config: TieredConfig) -> None:
        super().__init__()
        self.sizes = config.ngram_sizes
        self.leave_one_out = config.leave_one_out
        self.buckets = config.ngram_buckets
        width = config.ngram_width or config.d_char
        self.table = nn.EmbeddingBag(1 + self.buckets, width, mode="sum", padding_idx=0)
        nn.init.normal_(self.table.weight, std=0.05)
        with torch.no_grad():
            self.table.weight[0].zero_()
        self.widen: nn.Module = nn.Identity()
        if config.ngram_width:
            self.widen = nn.Linear(width, config.d_char, bias=False)
            nn.init.normal_(self.widen.weight, std=width**-0.5)  # what comes out is as large as what went in

    def bucket_ids(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the bucket of each feature, 0 where there is none.

        Args:
            ids: (chunks, chars) int64, START, characters, END, PAD.
            lengths: (chunks,) int64, marks included.

        Returns:
            (chunks, chars, features) int64 in [0, buckets].
        """
        chars = ids.shape[1]
        position = torch.arange(chars, device=ids.device)
        power = powers(chars, ids.device)
        features = []
        for size in self.sizes:
            h = torch.full_like(ids, _int64(size * _MIX_1))
            for j in range(min(size, chars)):
                h[:, : chars - j] += ids[:, j:] * power[j]
            inside = position + size <= lengths[:, None]
            features.append((h, inside))
        if self.leave_one_out:
            terms = torch.cumsum(ids * power, dim=1)  # (chunks, chars): hash of the first i + 1 ids
            before = F.pad(terms, (1, 0))[:, :-1]
            inverse = _int64(pow(_BASE, -1, 1 << 64))
            without = before + (terms[:, -1:] - terms) * inverse
            whole = terms[:, -1:].expand_as(terms)
            h = torch.where(position == 0, whole, without)
            features.append((h, position < lengths[:, None] - 1))  # the end mark is never left out
        buckets = [1 + (mix(h) & 0x7FFFFFFFFFFFFFFF) % self.buckets for h, _ in features]
        return torch.stack([b * inside for b, (_, inside) in zip(buckets, features, strict=True)], dim=-1)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the sum of each position's feature vectors, (chunks, chars, d_char)."""
        buckets = self.bucket_ids(ids, lengths)  # (chunks, chars, features)
        vectors = self.widen(sum_rows(self.table, buckets.flatten(0, 1)))  # (chunks * chars, d_char)
        return vectors.unflatten(0, ids.shape)


CharLayer = TransformerLayer | ConvolutionLayer
MIXERS: dict[str, Callable[[TieredConfig], CharLayer]] = {
    "transformer": lambda c: TransformerLayer(c.d_char, c.char_heads, c.char_ffn, zero_init=True),
    "convolution": lambda c: ConvolutionLayer(c.d_char, c.char_kernel, c.char_ffn, zero_init=True),
}


class CharEncoder(nn.Module):
    """E1: character and hashed n-gram embeddings, then a few layers over what a character sees.

    By default that is its chunk: the chunk's states then depend on its characters alone, so that equal chunks need
    encoding once (``span.chunk_local``). The layers start as the identity (their output projections are zero):
    n-grams learn word identity first, the layers then learn spelling.
    """

    def __init__(self, config: TieredConfig) -> None:
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
