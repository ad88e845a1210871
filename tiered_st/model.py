"""Build a model from a configuration, or load one from a folder."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
from torch import nn

from tiered_st.config import PRESETS, TieredConfig
from tiered_st.model_card import TieredModelCardData
from tiered_st.modules import SemanticEncoder, TieredInput
from tiered_st.modules.stored import StoredModule
from tiered_st.modules.weights import as_dtype

PRETRAINED = Path(__file__).parent / "pretrained"
DEFAULT_MODEL = "en-small"

# The only classes a checkpoint may name, and where each comes from: nothing is imported on a checkpoint's word.
ALLOWED_MODULES: dict[str, Any] = {
    "tiered_st.modules.tiered_input.TieredInput": TieredInput,
    "tiered_st.modules.semantic_encoder.SemanticEncoder": SemanticEncoder,
    **{f"{cls.__module__}.{cls.__name__}": cls for cls in (Pooling, Normalize)},
    "sentence_transformers.models.Pooling": Pooling,
    "sentence_transformers.models.Normalize": Normalize,
}


def build(config: TieredConfig | str = "small", *, device: str | None = None) -> SentenceTransformer:
    """Build an untrained model.

    Args:
        config: a configuration, or the name of a preset ("toy", "small").
        device: where to put it; by default wherever sentence-transformers would.

    Returns:
        A plain ``SentenceTransformer`` of four modules: tiers, semantic_encoder, pooling, normalize.
    """
    if isinstance(config, str):
        if config not in PRESETS:
            raise ValueError(f"No preset is called {config!r}: choose from {', '.join(PRESETS)}.")
        config = PRESETS[config]
    modules: OrderedDict[str, nn.Module] = OrderedDict(
        tiers=TieredInput(config),
        semantic_encoder=SemanticEncoder(config),
        pooling=Pooling(config.d_sem, pooling_mode=config.pooling),
        normalize=Normalize(),
    )
    return SentenceTransformer(
        modules=modules,  # type: ignore[arg-type]  # an OrderedDict names them, as sentence-transformers documents
        device=device,
        similarity_fn_name="cosine",
        model_card_data=TieredModelCardData(),
    )


def pretrained() -> list[str]:
    """Return the names of the models that ship with the package."""
    return sorted(path.parent.name for path in PRETRAINED.glob("*/modules.json"))


def load(
    path: str | Path = DEFAULT_MODEL, *, device: str | None = None, dtype: str | torch.dtype | None = None
) -> SentenceTransformer:
    """Load a model without executing anything from its folder.

    Any number of threads may encode with one model at once. What changes it (``train``, ``to``, ``half``, quantising,
    tabulating, training) belongs between their calls: see :class:`tiered_st.modules.TieredInput`.

    Args:
        path: the name of a model that ships with the package (see :func:`pretrained`), or a folder. A name is that of
            the shipped model, whatever lies in the working directory: write a folder of the same name as "./en-small".
        device: where to put it.
        dtype: what to compute in, such as "float16" or "bfloat16"; by default what the model was saved in.

    Raises:
        ValueError: if a file is missing or damaged, a class is not on the allow-list, or weights do not fit; the text
            names file and cure.
    """
    options = {} if dtype is None else {"model_kwargs": {"dtype": as_dtype(dtype)}}
    folder = folder_of(path)
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for row in _read_json(folder / "modules.json", list):
        name, subfolder, kind = _checked_row(row, folder)
        if name in modules:
            raise ValueError(
                f"{folder / 'modules.json'} has two modules called {name!r}. It is damaged, copy it again."
            )
        modules[name] = _load_module(ALLOWED_MODULES[kind], folder, subfolder, options)
    if not modules or not isinstance(next(iter(modules.values())), TieredInput):
        raise ValueError(f"{folder / 'modules.json'} does not open with a TieredInput: it is no tiered model.")
    settings = _read_json(folder / "config_sentence_transformers.json", dict, optional=True)
    model = SentenceTransformer(
        modules=modules,  # type: ignore[arg-type]
        device=device,
        prompts=settings.get("prompts"),
        default_prompt_name=settings.get("default_prompt_name"),
        similarity_fn_name=settings.get("similarity_fn_name"),
        truncate_dim=settings.get("truncate_dim"),
        model_card_data=TieredModelCardData(model_name=folder.name),
    )
    return model


def set_storage(model: SentenceTransformer, storage: str) -> None:
    """Choose how ``model``, as it is now, is saved: "float32", "float16" or "int8" (see modules.weights).

    "float32" keeps every weight as the model computes with it, half precision too; the others round: "float16" to 11
    bits, "int8" to 255 steps per row of a matrix, from the row's largest weight down to its negative. A model that
    is trained further is saved as computed again: call this after training.

    Raises:
        ValueError: if there is no such storage, or it cannot hold a weight; nothing is changed then.
    """
    modules = [module for module in model if isinstance(module, StoredModule)]
    for module in modules:
        module.check_storage(storage)
    for module in modules:
        module.set_storage(storage)


def folder_of(path: str | Path) -> Path:
    """Return the folder of a model: a shipped one by its name, or any other by its path (see :func:`load`).

    Raises:
        ValueError: if there is neither.
    """
    # A Path means a folder where there is one: Path("./en-small") has forgotten its "./".
    if str(path) in pretrained() and not (isinstance(path, Path) and path.is_dir()):
        return PRETRAINED / str(path)
    if Path(path).is_dir():
        return Path(path)
    raise ValueError(
        f"{path} is neither a folder nor a shipped model ({', '.join(pretrained()) or 'none here'}). For a model on "
        "the hub, use SentenceTransformer(name, trust_remote_code=True)."
    )


def _load_module(kind: Any, folder: Path, subfolder: str, options: dict[str, Any]) -> nn.Module:
    """Load one module; whatever its configuration gets wrong becomes a ValueError that names the file."""
    path = folder / subfolder / "config.json"
    _read_json(path, dict, optional=kind is Normalize)
    try:
        return kind.load(str(folder), subfolder=subfolder, local_files_only=True, **options)
    except (ValueError, TypeError, KeyError, AttributeError, ImportError, RuntimeError) as error:
        if str(folder) in str(error):
            raise ValueError(str(error)) from None
        raise ValueError(f"{path} does not describe a {kind.__name__} ({error}): copy or download it again.") from None


def _checked_row(row: Any, folder: Path) -> tuple[str, str, str]:
    """Return name, subfolder and class path of one row of modules.json, all of them allowed."""
    where = folder / "modules.json"
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("name", "path", "type")):
        raise ValueError(f"{where} has a row without name, path and type: {row!r}. It is damaged, copy it again.")
    if row["type"] not in ALLOWED_MODULES:
        raise ValueError(
            f"{where} names the class {row['type']}, which tiered_st.load does not run. If you trust this model, use "
            "SentenceTransformer(path, trust_remote_code=True)."
        )
    if Path(row["path"]).is_absolute() or ".." in Path(row["path"]).parts:
        raise ValueError(f"{where} points outside its folder: {row['path']!r}.")
    return row["name"], row["path"], row["type"]


def _read_json(path: Path, kind: type, *, optional: bool = False) -> Any:
    """Read a JSON file that must hold a ``kind``."""
    if not path.is_file():
        if optional:
            return kind()
        raise ValueError(f"{path} is missing: this is not a complete model folder, copy or download it again.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}): it is damaged, copy or download it again.") from None
    if not isinstance(content, kind):
        raise ValueError(f"{path} holds a {type(content).__name__} instead of a {kind.__name__}: it is damaged.")
    return content
