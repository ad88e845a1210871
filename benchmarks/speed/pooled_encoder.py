"""A Hugging Face-like encoder with a mean over its states, where sentence-transformers would want files or the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Tokenize = Callable[..., Any]
Run = Callable[[Tensor, Tensor], Tensor]


class PooledEncoder:
    """Embed texts by the mean of an encoder's states, with batches sorted by length as sentence-transformers sorts.

    Args:
        tokenize: A Hugging Face tokenizer.
        run: (input_ids, attention_mask), both (batch, tokens), to states (batch, tokens, dimension).
        revision: What results are kept under.
        max_tokens: Longest text; the rest is cut.
        body: The module that `run` calls, if it is one: its parameters are counted.
        set_threads: Called with a number of threads by whoever measures; torch follows its own setting.
    """

    def __init__(
        self,
        tokenize: Tokenize,
        run: Run,
        *,
        revision: str,
        max_tokens: int,
        body: nn.Module | None = None,
        set_threads: Callable[[int], None] | None = None,
    ) -> None:
        self.tokenizer, self._run, self._body = tokenize, run, body
        self.revision, self.max_seq_length = revision, max_tokens
        self.set_threads = set_threads or (lambda count: None)

    def parameters(self) -> Iterator[nn.Parameter]:
        """Yield the weights."""
        yield from self._body.parameters() if self._body is not None else ()

    def preprocess(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Return ``input_ids`` and ``attention_mask``, (batch, tokens)."""
        return dict(
            self.tokenizer(
                list(texts), padding=True, truncation=True, max_length=self.max_seq_length, return_tensors="pt"
            )
        )

    @torch.inference_mode()
    def encode(self, texts: Sequence[str], *, batch_size: int = 32, **options: Any) -> np.ndarray:
        """Return (texts, dimension) float32 of unit length."""
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        found: list[Tensor] = []
        for start in range(0, len(order), batch_size):
            features = self.preprocess([texts[row] for row in order[start : start + batch_size]])
            mask = features["attention_mask"]
            states = self._run(features["input_ids"], mask).float()  # (batch, tokens, dimension)
            means = (states * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)
            found.append(nn.functional.normalize(means, dim=1))
        vectors = torch.cat(found).numpy()
        out = np.empty_like(vectors)
        out[order] = vectors
        return out
