"""Find what teaches a model: by torch, or without it."""

from __future__ import annotations

import sys
from typing import Any

from tiered_st.teaching.pupil import Pupil


def pupil_of(model: Any) -> Pupil:
    """Return a model as its teacher sees it.

    Args:
        model: what `tiered_st.load` or `tiered_st.runtime.load` gave.

    Raises:
        ValueError: if it is another kind of model.
    """
    # What is not loaded, the model is none of its.
    encoder, torch = sys.modules.get("tiered_st.runtime.encoder"), sys.modules.get("torch")
    if encoder is not None and isinstance(model, encoder.RuntimeEncoder):
        from tiered_st.runtime.pupil import RuntimePupil

        return RuntimePupil(model)
    if torch is None or not isinstance(model, torch.nn.Module):
        kind = type(model).__name__
        raise ValueError(f"A {kind} cannot be taught words: load a model by tiered_st.load or tiered_st.runtime.load.")
    from tiered_st.modules.pupil import TieredPupil

    return TieredPupil(model)
