"""Find the part of a model that every deployment switch works on."""

from __future__ import annotations

from sentence_transformers import SentenceTransformer

from tiered_st.modules import TieredInput


def tiers_of(model: SentenceTransformer) -> TieredInput:
    """Return the model's first module.

    Raises:
        ValueError: if it is no TieredInput.
    """
    tiers = model[0]
    if not isinstance(tiers, TieredInput):
        raise ValueError(
            f"The model opens with a {type(tiers).__name__}, not with a TieredInput: give one that tiered_st built."
        )
    return tiers
