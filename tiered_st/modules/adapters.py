"""Tell a module that carries adapters from one that is whole."""

from __future__ import annotations

from torch import nn


def refuse_adapters(module: nn.Module) -> None:
    """Refuse to save a module inside which peft put adapters: its weights have other names then.

    Raises:
        ValueError: if there are any; the text says how to merge them.
    """
    for name, part in module.named_modules():
        if type(part).__module__.partition(".")[0] == "peft":
            raise ValueError(
                f"{type(module).__name__}'s {name or 'self'} is a {type(part).__name__} of peft, and what is saved so "
                "could not be loaded. Merge the adapters first, encoder = model[1].body, encoder.model = encoder.model."
                "merge_and_unload(), or save them alone: model[1].body.model.save_pretrained(folder)."
            )
