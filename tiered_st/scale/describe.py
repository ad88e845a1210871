"""Say which model a run is of, without loading it: each worker loads it by itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tiered_st.fingerprint import model_fingerprint
from tiered_st.indexes.encoder import prompts_of
from tiered_st.saved.hub import find
from tiered_st.saved.model_folder import PRETRAINED
from tiered_st.saved.saved_model import SavedModel


@dataclass(frozen=True)
class DescribedModel:
    """What a worker loads a model by, and what a manifest says of it."""

    loaded_as: str
    commit: str | None
    about: dict[str, Any]


def describe_model(model: str | os.PathLike[str], revision: str | None = None) -> DescribedModel:
    """Return how a model is loaded anywhere, and its name, fingerprint, dimension and, where it has any, prompts.

    Args:
        model: A shipped model's name, a folder, or a name on the hub.
        revision: Of one on the hub.

    Raises:
        TypeError: If it is a model and not what one is called.
        ValueError: If there is no such model, or it is damaged.
    """
    if not isinstance(model, (str, os.PathLike)):
        kind = type(model).__name__
        raise TypeError(f"model is a {kind}: give its name or its folder, by which each worker loads it for itself")
    path = model if isinstance(model, str) else Path(model)
    found = find(path, revision=revision)
    saved = SavedModel(found.folder, name=found.name)
    # What prompts_of asks of a loaded model; both backends have these methods.
    both = SimpleNamespace(
        prompts=saved.prompts, default_prompt_name=saved.default_prompt_name, encode_query=None, encode_document=None
    )
    about = {
        "model_name": saved.name, "model_fingerprint": model_fingerprint(saved),
        "dimension": saved.get_embedding_dimension(),
    }  # fmt: skip
    prompts = prompts_of(both)
    shipped = found.folder.parent == PRETRAINED
    loaded_as = found.name if found.commit or shipped else str(found.folder.absolute())
    return DescribedModel(loaded_as, found.commit, about | ({"prompts": prompts} if prompts else {}))
