"""Layers whose weights are 8-bit integers in memory, and floating point only while they are used.

They have the parameters' names of the layers they replace plus ``row_scale``, and stand in for them wherever E1 or the
chunk projector calls them. Integers are parameters that never learn, not buffers, so that whoever walks over a module's
parameters (the cache, ``is_identity``) sees them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.modules.weights import quantize


def _frozen(value: Tensor) -> nn.Parameter:
    return nn.Parameter(value.detach().clone(), requires_grad=False)


class Int8Linear(nn.Module):
    """A Linear whose weights are integers with a scale per row (as in LLM.int8(), Dettmers et al. 2022).

    They become floating point at each call. Products of integers would round the inputs too, and where a CPU has no
    instruction for them, torch takes many times as long for them as for floating point.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        integers, scale = quantize(linear.weight)
        self.weight = _frozen(integers)  # (out, in)
        self.row_scale = _frozen(scale.squeeze(1).to(linear.weight.dtype))  # (out,), so that no storage rounds it again
        self.bias = None if linear.bias is None else _frozen(linear.bias)

    def rows(self, which: slice, dtype: torch.dtype) -> Tensor:
        """Return rows of the weights in floating point, (rows, in)."""
        return self.weight[which].to(dtype).mul_(self.row_scale[which, None].to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Map (…, in) to (…, out) in the dtype of ``x``."""
        return F.linear(x, self.rows(slice(None), x.dtype), None if self.bias is None else self.bias.to(x.dtype))


class Int8EmbeddingBag(nn.Module):
    """An EmbeddingBag in int8 that sums rows: only the rows looked up ever become floating point."""

    def __init__(self, bag: nn.EmbeddingBag) -> None:
        super().__init__()
        if bag.mode != "sum":
            raise ValueError(f"An EmbeddingBag of mode={bag.mode!r} has no int8 form here: only 'sum' has.")
        integers, scale = quantize(bag.weight)
        self.embedding_dim = bag.embedding_dim
        self.weight = _frozen(integers)  # (rows, dim)
        self.row_scale = _frozen(scale.squeeze(1).to(bag.weight.dtype))  # (rows,)
        if bag.padding_idx is not None:
            self.row_scale[bag.padding_idx] = 0  # whose row counts for nothing, whatever it holds

    def forward(self, ids: Tensor) -> Tensor:
        """Sum the rows of each bag: (bags, features) int64 to (bags, dim)."""
        # Most bags share most rows (a batch's n-grams repeat) and many are padding, so each row is converted once.
        rows, inverse = torch.unique(ids, return_inverse=True)
        table = self.weight[rows].to(self.row_scale.dtype) * self.row_scale[rows, None]  # (distinct, dim)
        return F.embedding_bag(inverse.view(ids.shape), table, mode="sum")


_INT8 = {nn.Linear: Int8Linear, nn.EmbeddingBag: Int8EmbeddingBag}


def to_int8(module: nn.Module) -> None:
    """Replace every Linear and EmbeddingBag inside ``module`` by its int8 form, in place.

    Subclasses stay: some, as in ``nn.MultiheadAttention``, have their weights read by others.
    """
    for name, child in module.named_children():
        if type(child) in _INT8:
            setattr(module, name, _INT8[type(child)](child).train(child.training))
        else:
            to_int8(child)
