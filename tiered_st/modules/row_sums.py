"""Sum rows of a table by whatever operation the device has."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

_HAVE_BAGS = ("cpu", "cuda")  # devices on which EmbeddingBag is known to be there, forward and backward


def sum_rows(table: nn.Module, ids: Tensor) -> Tensor:
    """Sum the rows of each bag by an EmbeddingBag that sums, or what stands in for it.

    Args:
        table: an ``nn.EmbeddingBag``, of which MPS may have no kernel, or its int8 form.
        ids: (bags, features) int64.

    Returns:
        (bags, dim).
    """
    if not isinstance(table, nn.EmbeddingBag) or ids.device.type in _HAVE_BAGS:
        return table(ids)
    rows = F.embedding(ids, table.weight, padding_idx=table.padding_idx)  # (bags, features, dim)
    if table.padding_idx is not None:  # whose row counts for nothing, whatever it holds
        rows = rows.masked_fill((ids == table.padding_idx)[..., None], 0.0)
    return rows.sum(dim=-2)
