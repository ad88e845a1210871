"""Write a model in a form that the runtime runs, compared with torch: the one module here that needs torch."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from tiered_st.exporting.check_texts import texts_for
from tiered_st.files import replace_folder
from tiered_st.fingerprint import module_settings
from tiered_st.model import set_storage
from tiered_st.modules.adapters import refuse_adapters
from tiered_st.modules.stored import StoredModule
from tiered_st.modules.tiers_of import tiers_of
from tiered_st.runtime.loading import check_order, load, pooling_of
from tiered_st.runtime.semantic.semantic_encoder import body_of
from tiered_st.saved.model_folder import ALLOWED_MODULES, module_rows

# The least cosine between a text's vectors in torch and in the runtime that an export may have, by precision.
LEAST_COSINE = {"float32": 0.9999, "float16": 0.9999, "int8": 0.99}
Text = str | Sequence[str]


class ExportReport(NamedTuple):
    """How close vectors of an exported model are to the model's: cosines, and the text (and prompt) of the worst."""

    worst: float
    mean: float
    text: Text
    texts: int  # compared, with each prompt of the model


def export(
    model: SentenceTransformer, folder: str | Path, precision: str = "int8", check: Sequence[Text] | None = None
) -> ExportReport:
    """Write a folder that both :func:`tiered_st.runtime.load` and :func:`tiered_st.load` load, if it is the same model.

    What is written is the model saved with the storage ``precision``; what it does in the runtime is compared with what
    ``model`` does in torch. ``model`` is not changed, and ``folder`` is replaced whole, or stays what it was.

    Args:
        model: a tiered model, wherever it was trained.
        folder: where to; a folder there is replaced if it is empty or a tiered model.
        precision: "int8", which E2 then computes in (a quarter of float32's file), "float32", or "float16", which is
            a storage (half the file) and computed with in float32.
        check: texts to compare by; by default a few of many scripts, misspelt, empty and as long as ``model`` reads.

    Raises:
        ValueError: if the runtime does not run a part of the model, a weight does not fit the precision, or the vector
            of a text differs: a cosine below .9999, of "int8" below .99. The text says which; nothing is written.
    """
    _refuse_what_is_not_run(model, precision)
    texts = texts_for(model) if check is None else list(check)
    if not texts:
        raise ValueError("check has no text to compare by: give some, or leave it out.")
    plain = copy.deepcopy(model).to("cpu").eval()
    for module in plain:
        if isinstance(module, StoredModule):
            module.run_by(None)  # what it is compared with is torch
    set_storage(plain, precision)
    with replace_folder(folder, accept=_refuse_foreign) as beside:
        plain.save(str(beside))
        # In float32, as the runtime computes: half precision moves vectors by more than the runtime does.
        report = _compare(plain.float(), beside, texts)
        if not report.worst >= LEAST_COSINE[precision]:
            raise ValueError(
                f"In {precision} the vector of {report.text!r} has a cosine of {report.worst:.5f} to that of torch, "
                f"below {LEAST_COSINE[precision]}: nothing is written. {_CURES[precision]}"
            )
    return report


_ROUNDED = "Export it as precision='float32', which rounds no weight."
_CURES = {"int8": _ROUNDED, "float16": _ROUNDED, "float32": "Please report this with the model's config.json."}


def _refuse_what_is_not_run(model: SentenceTransformer, precision: str) -> None:
    """Raise a ValueError that names what the runtime has no way to run."""
    if precision not in LEAST_COSINE:
        raise ValueError(f"precision={precision!r} is not one of {', '.join(LEAST_COSINE)}.")
    tiers_of(model)
    for module in model:
        name = f"{type(module).__module__}.{type(module).__qualname__}"
        if name not in ALLOWED_MODULES:
            raise ValueError(f"The model has a {name}: the runtime runs no module of that class.")
        refuse_adapters(module)
    check_order(module_settings(model))
    pooling_of(module_settings(model))
    encoder: Any = model[1]
    body_of(encoder.settings)


def _refuse_foreign(place: Path) -> None:
    """Raise unless replacing ``place`` loses only a model."""
    if place.is_dir() and any(place.iterdir()):
        try:
            module_rows(place)
        except ValueError as error:
            raise ValueError(f"{place} is there and is no tiered model ({error}) Give another folder.") from None


def _compare(model: SentenceTransformer, folder: Path, texts: list[Any]) -> ExportReport:
    runtime = load(folder)
    prompts = ["", *dict.fromkeys(prompt for prompt in model.prompts.values() if prompt)]
    cosines, compared = [], []
    for prompt in prompts:
        expected = model.encode(texts, prompt=prompt, show_progress_bar=False)
        cosines.append(_cosines(runtime.encode(texts, prompt=prompt, show_progress_bar=False), expected))
        compared += [prompt + text if isinstance(text, str) else text for text in texts]
    values = np.nan_to_num(np.concatenate(cosines), nan=-1.0)
    worst = int(values.argmin())
    return ExportReport(float(values[worst]), float(values.mean()), compared[worst], len(texts))


def _cosines(found: NDArray[np.float32], expected: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the cosine of each pair of rows (n, dim), (n,)."""
    a, b = found.astype(np.float64), expected.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
