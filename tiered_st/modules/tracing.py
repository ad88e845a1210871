"""Tell a run that is being written down from one that computes; TieredInput asks, and is named for types alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tiered_st.modules.char_span import SPANS

if TYPE_CHECKING:
    from tiered_st.modules.tiered_input import TieredInput


def is_traced() -> bool:
    """Say whether torch.export, torch.compile or torch.jit.trace reads along: no branch may then depend on values."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def is_one_graph(tiers: TieredInput) -> bool:
    """Say whether a forward pass has to become one graph; torch.compile may break it where there is a cache to ask.

    Raises:
        ValueError: if it has to, but what the model is needs values to know its shapes.
    """
    if not is_traced() or (torch.compiler.is_dynamo_compiling() and (tiers.training or tiers.cache is not None)):
        return False
    problems = {
        f"char_span={tiers.settings.char_span!r}": not SPANS[tiers.settings.char_span].chunk_local,
        f"encoder={tiers.encoder!r}": tiers.encoder != "float",
        "a table of chunk vectors": tiers.table is not None,
    }
    for name, there in problems.items():
        if there:
            raise ValueError(
                f"A model with {name} cannot become one graph: its shapes depend on the text. Export one with "
                "char_span='chunk' before it is quantised or tabulated."
            )
    return True
