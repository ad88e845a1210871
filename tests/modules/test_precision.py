"""Half precision: what a model computes in survives saving, and can be chosen when it is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import BERT_BODY, TOY, make_model
from sentence_transformers import SentenceTransformer
from torch import nn

from tiered_st.model import load, set_storage
from tiered_st.modules.weights import as_dtype, load_weights, save_weights

TEXTS = ["the cat sat on the mat", "Teh CAT, sat!", "", "a", "你好世界 😂", "\ud800", "don't " * 100, "x" * 500]
BODIES = {"own": TOY, "bert": TOY.replace(body=BERT_BODY, pool_marks=False)}


def dtypes(model: SentenceTransformer) -> set[torch.dtype]:
    return {weight.dtype for weight in model.parameters()}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_model_reloads_in_its_precision(dtype: torch.dtype, body: str, tmp_path: Path) -> None:
    model = make_model(BODIES[body])
    full = model.encode(TEXTS)
    model.to(dtype)
    expected = model.encode(TEXTS, convert_to_tensor=True)
    assert expected.dtype == dtype
    model.save(str(tmp_path), create_model_card=False)
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == str(dtype).removeprefix("torch.")
    for again in (
        load(tmp_path, device="cpu"),
        SentenceTransformer(str(tmp_path), trust_remote_code=True, device="cpu"),
    ):
        assert dtypes(again) == {dtype}
        assert torch.equal(again.encode(TEXTS, convert_to_tensor=True), expected)
    cosines = torch.cosine_similarity(expected.double(), torch.from_numpy(full).double())
    assert cosines.min() > 0.998


def test_a_half_model_is_half_the_size_on_disk(model: SentenceTransformer, tmp_path: Path) -> None:
    size = lambda folder: sum(path.stat().st_size for path in folder.rglob("*.safetensors"))  # noqa: E731
    model.save(str(tmp_path / "float32"), create_model_card=False)
    model.half().save(str(tmp_path / "float16"), create_model_card=False)
    assert size(tmp_path / "float16") < 0.56 * size(tmp_path / "float32")


@pytest.mark.parametrize("storage", ["float32", "float16", "int8"])
def test_storage_and_precision_are_two_things(storage: str, model: SentenceTransformer, tmp_path: Path) -> None:
    set_storage(model, storage)
    model.bfloat16().save(str(tmp_path), create_model_card=False)
    again = load(tmp_path, device="cpu")
    assert dtypes(again) == {torch.bfloat16}
    expected, got = (m.encode(TEXTS, convert_to_tensor=True).float() for m in (model, again))
    assert torch.cosine_similarity(expected, got).min() > (0.995 if storage == "int8" else 0.99999)


@pytest.mark.parametrize("dtype", ["bfloat16", torch.bfloat16])
def test_load_in_another_precision(dtype: str | torch.dtype, model: SentenceTransformer, tmp_path: Path) -> None:
    model.save(str(tmp_path), create_model_card=False)
    expected = model.bfloat16().encode(TEXTS, convert_to_tensor=True)
    for again in (
        load(tmp_path, device="cpu", dtype=dtype),
        SentenceTransformer(str(tmp_path), trust_remote_code=True, device="cpu", model_kwargs={"dtype": dtype}),
    ):
        assert dtypes(again) == {torch.bfloat16}
        assert torch.equal(again.encode(TEXTS, convert_to_tensor=True), expected)
    again.save(str(tmp_path / "half"), create_model_card=False)
    assert dtypes(load(tmp_path / "half", device="cpu", dtype="float32")) == {torch.float32}


def test_auto_means_as_saved(model: SentenceTransformer, tmp_path: Path) -> None:
    model.half().save(str(tmp_path), create_model_card=False)
    options = {"torch_dtype": "auto"}
    again = SentenceTransformer(str(tmp_path), trust_remote_code=True, device="cpu", model_kwargs=options)
    assert dtypes(again) == {torch.float16}


def test_a_model_from_before_there_was_a_dtype_is_float32(model: SentenceTransformer, tmp_path: Path) -> None:
    model.save(str(tmp_path), create_model_card=False)
    for path in (tmp_path / "config.json", tmp_path / "1_SemanticEncoder" / "config.json"):
        content = json.loads(path.read_text())
        assert content.pop("dtype") == "float32"
        path.write_text(json.dumps(content))
    again = load(tmp_path, device="cpu")
    assert dtypes(again) == {torch.float32}
    np.testing.assert_allclose(again.encode(TEXTS), model.encode(TEXTS), atol=1e-6, rtol=0)


def test_the_cache_keeps_the_precision(model: SentenceTransformer) -> None:
    model.half()
    first = model.encode(TEXTS, convert_to_tensor=True)
    assert len(model[0].cache) > 0
    assert torch.equal(model.encode(TEXTS, convert_to_tensor=True), first)


@pytest.mark.parametrize("dtype", ["int8", "half-ish", torch.int8, torch.complex64])
def test_an_unknown_dtype_is_refused(dtype: str | torch.dtype, model: SentenceTransformer, tmp_path: Path) -> None:
    says = r"is not one of float32, float16, bfloat16, float64"
    with pytest.raises(ValueError, match=says):
        load(dtype=dtype)
    model.save(str(tmp_path), create_model_card=False)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"dtype": str(dtype)}))
    with pytest.raises(ValueError, match=says):
        load(tmp_path)


def test_as_dtype_takes_names_and_dtypes() -> None:
    assert as_dtype("float16") is as_dtype("torch.float16") is as_dtype(torch.float16) is torch.float16


def test_weights_load_into_the_modules_own_dtype(tmp_path: Path) -> None:
    module = nn.Linear(3, 2).double()
    save_weights(module, tmp_path)
    again, half = nn.Linear(3, 2).double(), nn.Linear(3, 2).half()
    load_weights(again, tmp_path / "model.safetensors")
    assert torch.equal(again.weight, module.weight)  # a double is not rounded on the way
    load_weights(half, tmp_path / "model.safetensors")
    assert half.weight.dtype == torch.float16 and torch.equal(half.weight, module.weight.half())
