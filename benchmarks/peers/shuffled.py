"""Baseline `minilm+shuffled`: the check that a harness gives nothing to a model that knows nothing.

Every tensor of MiniLM keeps its values, but not their places. Such a model still maps equal words to equal vectors and
averages them: what it scores is what overlap in words is worth under a random projection.
"""

from __future__ import annotations

import torch
from torch import nn


def shuffle_weights(model: nn.Module, seed: int = 0) -> None:
    """Permute the values of every parameter of a model, in place."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            order = torch.randperm(parameter.numel(), generator=generator)
            parameter.copy_(parameter.cpu().flatten()[order].view_as(parameter))
