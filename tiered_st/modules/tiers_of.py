"""Find the part of a model that reads characters, which losses and every deployment switch work on."""

from __future__ import annotations

from typing import Any

from tiered_st.modules.tiered_input import TieredInput


def tiers_of(model: Any) -> TieredInput:
    """Return the first module of a model, or of one that a distributed wrapper holds.

    Raises:
        ValueError: if it is no TieredInput.
    """
    tiers = getattr(model, "module", model)[0]
    if not isinstance(tiers, TieredInput):
        raise ValueError(
            f"The model opens with a {type(tiers).__name__}, not with a TieredInput: build it by tiered_st.build, or "
            "load one that was."
        )
    return tiers
