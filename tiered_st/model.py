"""Build a model from a configuration, or load one: a shipped one, from a folder, or from the hub."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
from torch import nn

from tiered_st.config import PRESETS, TieredConfig
from tiered_st.model_card import TieredModelCardData
from tiered_st.modules import SemanticEncoder, TieredInput
from tiered_st.modules.load_options import check_load_options, engine_options
from tiered_st.modules.stored import StoredModule
from tiered_st.modules.tiers_of import tiers_of
from tiered_st.modules.weights import as_dtype
from tiered_st.saved.hub import find
from tiered_st.saved.hub import folder_of as folder_of
from tiered_st.saved.model_folder import DEFAULT_MODEL as DEFAULT_MODEL
from tiered_st.saved.model_folder import PRETRAINED as PRETRAINED
from tiered_st.saved.model_folder import module_rows, read_json
from tiered_st.saved.model_folder import path as path
from tiered_st.saved.model_folder import pretrained as pretrained
from tiered_st.text import Lexicon
from tiered_st.text.spelling import SpellingConfig
from tiered_st.text.tokenizer import to_text

_CLASSES: dict[str, Any] = {cls.__name__: cls for cls in (TieredInput, SemanticEncoder, Pooling, Normalize)}


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


def load(
    path: str | Path = DEFAULT_MODEL,
    *,
    device: str | None = None,
    dtype: str | torch.dtype | None = None,
    backend: str = "torch",
    model_kwargs: Mapping[str, Any] | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_folder: str | Path | None = None,
    local_files_only: bool = False,
) -> SentenceTransformer:
    """Load a model without executing anything from its folder.

    Any number of threads may encode with one model at once. What changes it (``train``, ``to``, ``half``, quantising,
    tabulating, training) belongs between their calls: see :class:`tiered_st.modules.TieredInput`.

    Args:
        path: the name of a model that ships with the package (see :func:`pretrained`), a folder, or "owner/name" on the
            Hugging Face hub, the first of the three that there is. A name is that of the shipped model, whatever lies
            in the working directory: write a folder of the same name as "./en-small".
        device: where to put it.
        dtype: what to compute in, such as "float16" or "bfloat16"; by default what the model was saved in.
        backend: "torch", or "onnx": a model that ONNX Runtime runs, E2 in int8 where a model is stored so, as
            :func:`tiered_st.runtime.load` does, with all methods of a ``SentenceTransformer``. It cannot be trained.
        model_kwargs: more, as ``SentenceTransformer`` takes it, see modules.load_options: with "onnx" ``precision``
            ("int8" or "float32"), ``threads``, and ``provider`` or ``providers``.
        revision: of a model on the hub, a branch, a tag or a commit; the whole hash of a commit pins it. Which commit
            was loaded is ``model.model_card_data.hub_commit``.
        token: for a private or gated model on the hub; by default what ``hf auth login`` or HF_TOKEN gave.
        cache_folder: where files from the hub are kept; by default where sentence-transformers keeps them.
        local_files_only: whether to take what is cached and ask nobody, as HF_HUB_OFFLINE=1 does.

    Raises:
        ValueError: if there is no such model, a file is missing or damaged, a class is not on the allow-list, or
            weights do not fit, or ``backend`` does not run it or takes no such option; the text names file and cure.
    """
    given = dict(model_kwargs or {}) | ({} if dtype is None else {"dtype": as_dtype(dtype)})
    check_load_options({"backend": backend, "model_kwargs": given})
    engine = engine_options({"backend": backend, "model_kwargs": given})
    if engine is not None and device not in (None, "cpu"):
        raise ValueError(f"device={device!r}: ONNX Runtime runs where providers in model_kwargs says. Leave it out.")
    options = {"model_kwargs": given} if engine is None else {}
    found = find(path, revision=revision, token=token, cache_folder=cache_folder, local_files_only=local_files_only)
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    try:
        for name, subfolder, kind in module_rows(found.folder):
            modules[name] = _load_module(_CLASSES[kind], found.folder, subfolder, options)
        settings = read_json(found.folder / "config_sentence_transformers.json", dict, optional=True)
    except ValueError as error:
        raise found.cured(error) from None
    for module in modules.values():
        if isinstance(module, StoredModule):
            module.run_by(engine)
    card = TieredModelCardData(model_name=found.name)
    card.hub_name, card.hub_commit = (found.name, found.commit) if found.commit else (None, None)
    return SentenceTransformer(
        modules=modules,  # type: ignore[arg-type]
        device=device if engine is None else "cpu",
        backend=backend,  # type: ignore[arg-type]
        prompts=settings.get("prompts"),
        default_prompt_name=settings.get("default_prompt_name"),
        similarity_fn_name=settings.get("similarity_fn_name"),
        truncate_dim=settings.get("truncate_dim"),
        model_card_data=card,
    )


def set_storage(model: SentenceTransformer, storage: str) -> None:
    """Choose how ``model``, as it is now, is saved: "float32", "float16" or "int8" (see modules.weights).

    "float32" keeps every weight as the model computes with it, half precision too; the others round: "float16" to 11
    bits, "int8" to 255 steps per row of a matrix, from the row's largest weight down to its negative. A model that
    is trained further is saved as computed again: call this after training, and look at the score. What a few steps
    taught can be less than a step of int8: en-nano, 20 steps of MultipleNegativesRanking at 2e-5 away from what it was
    (mean distance of vectors .043), is .035 away from itself and .008 from the untrained model once stored in int8.

    Raises:
        ValueError: if there is no such storage, or it cannot hold a weight; nothing is changed then.
    """
    modules = [module for module in model if isinstance(module, StoredModule)]
    for module in modules:
        module.check_storage(storage)
    for module in modules:
        module.set_storage(storage)


def set_lexicon(model: SentenceTransformer, words: Iterable[str] | None, *, spelling: int = 0) -> None:
    """Give a model the words by which it reads spaces that were dropped, spaces that slipped in, and misspellings.

    A word that is not in the list is read as two that are ("playingguitar"), or with its neighbours as one ("hou se"),
    where that is likelier than a new word or a slip of one letter; nothing is trained, and text whose words are all in
    the list is read as before. The list is saved with the model, and counts in its fingerprint.

    Args:
        model: a tiered model that reads words; changed in place.
        words: the most frequent first, tens of thousands of them. The rarer a word that is missing, the better. None
            reads spaces as they stand.
        spelling: how many of the words, from the first, a word that is in no list may be a misspelling of: half of its
            vector is then what the nearest of them mean. It needs a model with a memory. 0 reads it as it is spelt.

    Raises:
        ValueError: If the model does not cut by words, no word is of letters alone, or ``spelling`` is not possible.
    """
    tiers = tiers_of(model)
    if isinstance(spelling, bool) or not isinstance(spelling, int) or spelling < 0 or (spelling and words is None):
        raise ValueError(f"spelling={spelling!r} must be how many of the words given a misspelling may stand for.")
    if words is None:
        tiers.set_lexicon(None)
        return
    read = tiers.characters
    lexicon = Lexicon(to_text(read.fold(read.normalize(word))) for word in words)
    if not len(lexicon):
        raise ValueError("The list has no word of letters alone: give the words of a language, most frequent first.")
    count = min(spelling, len(lexicon))
    config = SpellingConfig(count, candidates=min(count, SpellingConfig.candidates)) if spelling else None
    tiers.set_lexicon(lexicon, config)


def _load_module(kind: Any, folder: Path, subfolder: str, options: dict[str, Any]) -> nn.Module:
    """Load one module; whatever its configuration gets wrong becomes a ValueError that names the file."""
    path = folder / subfolder / "config.json"
    read_json(path, dict, optional=kind is Normalize)
    try:
        return kind.load(str(folder), subfolder=subfolder, local_files_only=True, **options)
    except (ValueError, TypeError, KeyError, AttributeError, ImportError, RuntimeError) as error:
        if str(folder) in str(error):
            raise ValueError(str(error)) from None
        raise ValueError(f"{path} does not describe a {kind.__name__} ({error}): copy or download it again.") from None
