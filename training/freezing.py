"""Choose what learns in a stage."""

from __future__ import annotations

from sentence_transformers import SentenceTransformer
from torch import nn

from tiered_st.modules import SemanticEncoder


def select_parameters(model: SentenceTransformer, learns: tuple[str, ...]) -> list[str]:
    """Let exactly the parameters named by ``learns`` be trained, and return their names.

    Raises:
        ValueError: if an entry names no parameter.
    """
    norms = {
        f"{module}.{name}"
        for module, layer in model.named_modules()
        if isinstance(layer, nn.LayerNorm)
        for name, _ in layer.named_parameters()
    }
    chosen = []
    for entry in learns:
        prefix = entry.removeprefix("norms:")
        names = [name for name, _ in model.named_parameters() if name.startswith(prefix + ".")]
        names = [name for name in names if entry == prefix or name in norms]
        if not names:
            known = ", ".join(name for name, _ in model.named_children())
            raise ValueError(f"learns={entry!r} names no parameter; the model's modules are {known}.")
        chosen += names
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in set(chosen))
    return chosen


def set_gradient_checkpointing(model: SentenceTransformer, on: bool) -> None:
    """Switch gradient checkpointing of E2 on or off; E1 has little to gain, for each chunk passes it once."""
    for module in model:
        if isinstance(module, SemanticEncoder):
            if on:
                module.gradient_checkpointing_enable()
            else:
                module.gradient_checkpointing_disable()
