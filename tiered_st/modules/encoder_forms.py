"""The forms that E1 and the chunk projector take once they are trained: as they were, in int8, or not there at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from torch import nn

from tiered_st.modules.chunk_memory import ChunkMemory
from tiered_st.modules.int8_layers import to_int8
from tiered_st.modules.int8_memory import Int8ChunkMemory

PARTS = ("char_encoder", "chunk_projector")


class DroppedEncoder(nn.Module):
    """What stands in E1's place in a model that was tabulated without it."""

    def forward(self, *args: object) -> NoReturn:
        """Say what is missing."""
        raise ValueError(
            "This model has no E1: it was tabulated with keep_encoder=False and knows its table's chunks alone. "
            "Use the model it was made from."
        )

    embed = forward  # by which E1 is entered


def _keep(tiers: nn.Module) -> None:
    """Leave both as they are."""


def _int8(tiers: nn.Module) -> None:
    """Keep weights in int8, which cannot learn."""
    projector: Any = tiers.chunk_projector
    if type(projector.memory) is ChunkMemory:
        projector.memory = Int8ChunkMemory(projector.memory).train(projector.training)
    for part in PARTS:
        module = getattr(tiers, part)
        to_int8(module)
        module.requires_grad_(False)


def _drop(tiers: nn.Module) -> None:
    """Free the memory of both."""
    for part in PARTS:
        setattr(tiers, part, DroppedEncoder())


ENCODER_FORMS: dict[str, Callable[[nn.Module], None]] = {"float": _keep, "int8": _int8, "none": _drop}
