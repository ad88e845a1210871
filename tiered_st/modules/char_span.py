"""How far a character sees: one small class per span."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Layers = Callable[[Tensor, Tensor], Tensor]  # states and mask to states, what E1 does whatever the span


class ChunkSpan:
    """A character sees its chunk.

    The states of a chunk then depend on its characters alone: equal chunks need encoding once, and their vectors can
    be kept between calls.
    """

    chunk_local = True

    def read(self, x: Tensor, mask: Tensor, texts: Tensor, layers: Layers) -> Tensor:
        """Run E1's layers over whatever a character sees.

        Args:
            x: (chunks, chars, d_char).
            mask: (chunks, chars) boolean.
            texts: (chunks,) int64, the text each chunk is of; the chunks of a text follow one another.
            layers: takes states (batch, length, d_char) and a mask, and returns states of the same shape.

        Returns:
            States (chunks, chars, d_char).
        """
        return layers(x, mask)


class TextSpan(ChunkSpan):
    """A character sees its whole text, on either side."""

    chunk_local = False

    def read(self, x: Tensor, mask: Tensor, texts: Tensor, layers: Layers) -> Tensor:
        """Run E1's layers over the characters of a text, laid end to end without the padding of its chunks."""
        # Counted by run rather than by id: a text of no chunks would attend to nothing, and its gradient be no number.
        runs, run = torch.unique_consecutive(texts, return_inverse=True)
        lengths = torch.zeros_like(runs).index_add_(0, run, mask.sum(dim=1))  # (texts,) characters
        longest = max(lengths.tolist(), default=1)
        real = torch.arange(longest, device=x.device) < lengths[:, None]  # (texts, longest)
        flat = x.new_zeros(*real.shape, x.shape[-1])
        flat[real] = x[mask]  # both (characters, d_char), text by text, chunk by chunk
        flat = layers(flat, self.visible(real))
        states = flat.new_zeros(x.shape)
        states[mask] = flat[real]
        return states

    def visible(self, real: Tensor) -> Tensor:
        """Return what may be seen, given which places (texts, longest) hold a character."""
        return real


class CausalSpan(TextSpan):
    """A character sees itself and what comes before it in its text.

    The hashed n-grams at E1's entrance speak of the rest of a character's chunk all the same: with them the span is
    causal from chunk to chunk, without them (``ngram_buckets=0``) from character to character.
    """

    def visible(self, real: Tensor) -> Tensor:
        """Return (1, longest, longest): padding comes last, so that no character sees it and all texts share this."""
        return torch.ones(1, real.shape[1], real.shape[1], dtype=torch.bool, device=real.device).tril()


SPANS: dict[str, type[ChunkSpan]] = {"chunk": ChunkSpan, "text": TextSpan, "causal": CausalSpan}
