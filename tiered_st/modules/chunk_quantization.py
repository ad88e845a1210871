"""How chunk vectors are coarsened, while gradients pass as if they were not: one small class per way."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tiered_st.modules.weights import quantize


def straight_through(coarse: Tensor, vectors: Tensor) -> Tensor:
    """Return the values of ``coarse`` with the gradient of ``vectors`` (Bengio et al. 2013), both of one shape."""
    return coarse.detach() + (vectors - vectors.detach())  # the bracket is exactly zero, so the values stay exact


class RoundToInt8(nn.Module):
    """Round each vector to 8 bits: 255 levels, from minus to plus its largest absolute value."""

    def forward(self, vectors: Tensor) -> Tensor:
        """Coarsen vectors (chunks, d_sem)."""
        integers, scale = quantize(vectors.detach())
        return straight_through((integers * scale).to(vectors.dtype), vectors)


class HashToSigns(nn.Module):
    """Keep the signs of each vector and one size, its mean absolute value (Rastegari et al., XNOR-Net, 2016).

    The signs are a hash of the chunk: spellings that lie close together share most of its d_sem bits.
    """

    def forward(self, vectors: Tensor) -> Tensor:
        """Coarsen vectors (chunks, d_sem)."""
        size = vectors.abs().mean(dim=1, keepdim=True)  # (chunks, 1)
        return straight_through(torch.where(vectors >= 0, size, -size), vectors)


QUANTIZATIONS: dict[str | None, type[nn.Module]] = {None: nn.Identity, "int8": RoundToInt8, "binary": HashToSigns}
