"""Embed the n-grams of a chunk, and what a typo leaves of it: where misspelt words meet the word they stand for."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.config import CharEncoderConfig
from tiered_st.hash_constants import INVERSE, MIX_1
from tiered_st.modules.hashing import int64, inverse_powers, mix, powers
from tiered_st.modules.row_sums import sum_rows


class HashedNgrams(nn.Module):
    """Embed, at each character, the hashed n-grams that start there (Bojanowski et al., 2017, fastText).

    With ``leave_one_out`` the whole chunk is hashed at START and, at each character, the chunk *without* that
    character, in the same buckets. A misspelt word then shares a bucket with the word it stands for: "helo" is what
    "hello" leaves when it loses its l, and "hellp" and "hello" both leave "hell" (SymSpell's deletion neighbourhood,
    Garbe 2012, made differentiable).

    With ``ngram_width`` the table is that narrow and one matrix widens its sums to d_char: most of a model's size is
    this table.
    """

    def __init__(self, config: CharEncoderConfig) -> None:
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
            lengths: (chunks,) int64, START and END included.

        Returns:
            (chunks, chars, features) int64 in [0, buckets].
        """
        chars = ids.shape[1]
        position = torch.arange(chars, device=ids.device)
        sums = torch.cumsum(ids * powers(chars, ids.device), dim=1)  # (chunks, chars): of the first i + 1 ids
        before = F.pad(sums, (1, 0))[:, :-1]
        back = inverse_powers(chars, ids.device)
        features, inside = [], []
        for size in self.sizes:
            # Modulo 2**64, an n-gram is the difference of two sums, shifted to where it starts; past the end are zeros.
            ends = torch.cat([sums[:, size - 1 :], sums[:, -1:].expand(-1, min(size - 1, chars))], dim=1)
            features.append((ends - before) * back + int64(size * MIX_1))
            inside.append(position + size <= lengths[:, None])
        if self.leave_one_out:
            without = before + (sums[:, -1:] - sums) * int64(INVERSE)
            features.append(torch.where(position == 0, sums[:, -1:], without))
            inside.append(position < lengths[:, None] - 1)  # END is never left out
        buckets = 1 + (mix(torch.stack(features, dim=-1)) & 0x7FFFFFFFFFFFFFFF) % self.buckets
        return buckets * torch.stack(inside, dim=-1)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the sum of each position's feature vectors, (chunks, chars, d_char)."""
        buckets = self.bucket_ids(ids, lengths)  # (chunks, chars, features)
        vectors = self.widen(sum_rows(self.table, buckets.flatten(0, 1)))  # (chunks * chars, d_char)
        return vectors.unflatten(0, ids.shape)
