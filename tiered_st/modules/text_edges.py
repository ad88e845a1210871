"""Keep the edges of a text, BEGIN and FINISH, out of its embedding."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def exclude_text_edges(
    states: Tensor, mask: Tensor, segments: Tensor | None = None, prompt_length: int | Tensor | None = None
) -> Tensor:
    """Give the edges of each text the mean of the states between them, so that they do not move its mean.

    The stock Pooling reads the attention mask, and losses trim batches by it: it has to say what is there, edges too.
    Behind a prompt, which Pooling may leave out together with BEGIN, each FINISH gets the mean without the prompt, and
    BEGIN what makes up for it where all is pooled: either mean is then one of states between edges.

    Args:
        states: (batch, chunks, d_sem).
        mask: (batch, chunks), ones then zeros.
        segments: (batch, chunks), the number of each chunk's part; each part closes with a FINISH.
        prompt_length: positions of the prompt, BEGIN included, the same for all texts.

    Returns:
        States of the same shape; a text of nothing but its edges keeps them.
    """
    parts = torch.zeros_like(mask) if segments is None else segments
    parts = parts.masked_fill(~mask.bool(), -1)
    closes = parts != F.pad(parts, (0, 1), value=-1)[:, 1:]  # (batch, chunks): the next chunk is of another part
    between = mask.bool() & ~closes
    between[:, 0] = False
    weights = between.to(states.dtype)
    count = weights.sum(dim=1, keepdim=True)  # (batch, 1)
    mean = torch.einsum("bcd,bc->bd", states, weights) / count.clamp_min(1)  # (batch, d_sem)
    if prompt_length is None:
        edges = (mask.bool() & ~between & (count > 0))[:, :, None]  # (batch, chunks, 1)
        return torch.where(edges, mean[:, None, :], states)
    first = int(prompt_length[0]) if isinstance(prompt_length, Tensor) else prompt_length
    weights = torch.cat([torch.zeros_like(weights[:, :first]), weights[:, first:]], dim=1)
    own = weights.sum(dim=1, keepdim=True)  # (batch, 1): chunks behind the prompt
    rest = torch.einsum("bcd,bc->bd", states, weights) / own.clamp_min(1)  # (batch, d_sem)
    closing = (mask.bool() & closes)[:, :, None] & (own > 0)[:, :, None]  # (batch, chunks, 1)
    closed = torch.where(closing, rest[:, None, :], states)
    closers = (mask.bool() & closes).to(states.dtype)  # (batch, chunks)
    made_up = (1 + closers.sum(dim=1, keepdim=True)) * mean - torch.einsum("bcd,bc->bd", closed, closers)
    begin = torch.where(count > 0, made_up, states[:, 0])  # (batch, d_sem)
    return torch.cat([begin[:, None, :], closed[:, 1:]], dim=1)
