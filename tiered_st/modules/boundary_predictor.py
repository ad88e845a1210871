"""Predict where chunks start, from the characters around."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import get_worker_info

from tiered_st.config import CharEncoderConfig
from tiered_st.modules.hashing import mix, powers
from tiered_st.modules.row_sums import sum_rows
from tiered_st.text.tokenizer import PAD, VOCAB_SIZE

_KERNEL = 5
_BLOCK = 8192  # ids read at once in inference, which bounds the memory that a long text takes
_RATE = 0.2  # share of characters that start a word of English: where training sets out from


class BoundaryNgrams(nn.Module):
    """Embed, at each character, the hashed n-grams that start there and those that end just before it.

    What one word ends with and another starts with is what tells that a boundary lies between (Harris, 1955).
    """

    def __init__(self, sizes: tuple[int, ...], buckets: int, dim: int) -> None:
        super().__init__()
        self.sizes = sizes
        self.buckets = buckets
        self.table = nn.EmbeddingBag(buckets, dim, mode="sum")
        nn.init.normal_(self.table.weight, std=0.05)

    def bucket_ids(self, ids: Tensor) -> Tensor:
        """Return buckets, (texts, chars, 2 * sizes) int64 in [0, buckets), of (texts, chars) ids; PAD is an edge."""
        chars, longest = ids.shape[1], max(self.sizes)
        padded = F.pad(ids, (longest, longest))  # (texts, longest + chars + longest)
        power = powers(longest + 1, ids.device)
        hashes = []
        for size in self.sizes:
            starts = range(longest - size, longest + chars)  # n-grams that end before, or start at, a character
            h = power[size] * torch.ones_like(padded[:, : len(starts)])
            for j in range(size):
                h += padded[:, starts.start + j : starts.stop + j] * power[j]
            h = mix(h)  # (texts, size + chars)
            hashes += [h[:, size:], mix(h[:, :chars] + 1)]
        return (torch.stack(hashes, dim=-1) & 0x7FFFFFFFFFFFFFFF) % self.buckets

    def forward(self, ids: Tensor) -> Tensor:
        """Return the sum of each character's n-gram vectors, (texts, chars, dim)."""
        return sum_rows(self.table, self.bucket_ids(ids).flatten(0, 1)).view(*ids.shape, self.table.embedding_dim)


class DilatedLayer(nn.Module):
    """A residual depth-wise separable convolution (Chollet, 2017) over every ``dilation``-th character."""

    def __init__(self, dim: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.LayerNorm(dim)
        self.depthwise = nn.Parameter(torch.empty(_KERNEL, dim).uniform_(-1, 1) * _KERNEL**-0.5)
        self.pointwise = nn.Linear(dim, dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Transform states (texts, chars, dim); ``mask`` (texts, chars, 1) is 0 where there is no character."""
        chars, reach = x.shape[1], self.dilation * (_KERNEL // 2)
        h = F.pad(self.norm(x) * mask, (0, 0, reach, reach))  # (texts, reach + chars + reach, dim)
        out = h[:, :chars] * self.depthwise[0]  # (texts, chars, dim)
        for k in range(1, _KERNEL):  # shifted sums: seven times as fast on a CPU as its grouped convolution
            at = k * self.dilation
            out.addcmul_(h[:, at : at + chars], self.depthwise[k])
        return x + self.pointwise(F.gelu(out))


class BoundaryPredictor(nn.Module):
    """Give each character a logit that a chunk starts there.

    It reads characters without the white space between them, and is told of each whether white space came before: with
    a space dropped or slipped in, its n-grams stay the same and only that hint changes. What it says of a character
    depends on the ``reach`` characters on either side.
    """

    def __init__(self, config: CharEncoderConfig) -> None:
        super().__init__()
        dim = config.d_char
        self.embedding = nn.Embedding(VOCAB_SIZE, dim, padding_idx=PAD)
        self.spaced = nn.Embedding(2, dim)
        for table in (self.embedding, self.spaced):
            nn.init.normal_(table.weight, std=0.05)
        with_ngrams = config.boundary_buckets > 0 and len(config.ngram_sizes) > 0
        self.ngrams = BoundaryNgrams(config.ngram_sizes, config.boundary_buckets, dim) if with_ngrams else None
        self.layers = nn.ModuleList(DilatedLayer(dim, 2**i) for i in range(config.boundary_layers))
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, 1)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.constant_(self.head.bias, float(np.log(_RATE / (1 - _RATE))))
        self.reach = (_KERNEL // 2) * (2**config.boundary_layers - 1) + max(config.ngram_sizes, default=1)
        self._twin: BoundaryPredictor | None = None

    def forward(self, ids: Tensor, spaced: Tensor) -> Tensor:
        """Return logits.

        Args:
            ids: (texts, chars) int64, white space left out, PAD = 0.
            spaced: (texts, chars) int64, 1 where white space precedes.

        Returns:
            (texts, chars), meaningless at PAD.
        """
        mask = (ids != PAD).unsqueeze(-1)  # (texts, chars, 1)
        x = self.embedding(ids) + self.spaced(spaced)  # (texts, chars, d_char)
        if self.ngrams is not None:
            x = x + self.ngrams(ids)
        for layer in self.layers:
            x = layer(x, mask)
        return self.head(self.norm(x)).squeeze(-1)

    @torch.no_grad()
    def read(self, ids: NDArray[np.int64], spaced: NDArray[np.int64], texts: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return a logit per id, (ids,), of texts laid one after another; see text.learned_chunker.BoundaryScores.

        Texts are read as one stream, further apart than they can see, so that no time goes into padding and a text's
        logits do not depend on its company.
        """
        if self._twin is not None and get_worker_info() is not None:
            return self._twin.read(ids, spaced, texts)
        place = torch.from_numpy(np.arange(len(ids)) + self.reach * (1 + texts))
        length = int(place[-1]) + 1 + self.reach if len(ids) else 0
        stream = torch.zeros(2, length, dtype=torch.int64)  # ids and spaced, PAD in between
        stream[:, place] = torch.from_numpy(np.stack([ids, spaced]))
        device = self.head.weight.device
        parts = []
        for start in range(self.reach, length - self.reach, _BLOCK):
            block = stream[:, start - self.reach : start + _BLOCK + self.reach].to(device)
            parts.append(self(block[:1], block[1:])[0, self.reach : -self.reach].float().cpu())
        return torch.cat(parts)[place - self.reach].numpy() if parts else np.zeros(0, dtype=np.float32)

    # A worker process of a DataLoader inherits the model, but a forked one cannot use its accelerator.

    def _keep_twin(self) -> None:
        """Keep a copy on the CPU for worker processes, where the model is elsewhere."""
        self.__dict__["_twin"] = None
        if self.is_elsewhere():
            self.__dict__["_twin"] = deepcopy(self).cpu().float()  # past nn.Module, which would save it as a part

    def is_elsewhere(self) -> bool:
        """Say whether the weights lie on an accelerator."""
        return self.head.weight.device.type not in ("cpu", "meta")

    def _apply(self, *args: Any, **kwargs: Any) -> BoundaryPredictor:
        module = super()._apply(*args, **kwargs)
        self._keep_twin()
        return module

    def train(self, mode: bool = True) -> BoundaryPredictor:
        """Switch between training and inference; on an accelerator, worker processes see the weights as of now."""
        changes = mode != self.training
        super().train(mode)
        if changes:
            self._keep_twin()
        return self
