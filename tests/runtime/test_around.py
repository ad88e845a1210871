"""What others ask of a model beside its vectors, a model on ONNX Runtime answers: what it is, and what it is called."""

from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import make_model

import tiered_st
from tiered_st.fingerprint import model_fingerprint, model_revision, weights_fingerprint
from tiered_st.runtime import load

TEXTS = ["the cat sat on the mat", "Teh CAT!", "a b c d e f g h i j k l m n o p"]


@pytest.mark.parametrize("name", tiered_st.pretrained())
def test_it_is_the_model_that_torch_loads(name: str) -> None:
    runtime, model = load(name), tiered_st.load(name, device="cpu")
    assert model_fingerprint(runtime) == model_fingerprint(model)
    assert model_revision(runtime) == model_revision(model)
    assert weights_fingerprint(runtime) == weights_fingerprint(model)
    card = runtime.model_card_data
    assert (card.model_name, card.base_model) == (name, None)
    assert card.base_model_revision == f"{model_revision(model)}-int8"  # results of it are not torch's


def test_what_moves_a_vector_is_seen_as_it_is_now(tmp_path: Path) -> None:
    make_model().save(str(tmp_path), create_model_card=False)
    changed, model = load(tmp_path), tiered_st.load(tmp_path, device="cpu")
    for one in (changed, model):
        one.max_seq_length, one.truncate_dim = 9, 8
        one.prompts["query"] = "find: "
    assert model_fingerprint(changed) == model_fingerprint(model) != model_fingerprint(load(tmp_path))
    assert changed.model_card_data.base_model_revision == model_revision(model)


def test_without_onnx_runtime_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match="needs ONNX Runtime: pip install onnxruntime"):
        load("en-nano")


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_encode_alike(copied: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_model().save(str(tmp_path / "toy"), create_model_card=False)
    monkeypatch.chdir(tmp_path)
    model = load("toy", threads=1)
    model.max_seq_length, model.truncate_dim, model.similarity_fn_name = 9, 8, "dot"
    model.prompts["query"] = "find: "
    model.model_card_data.model_name = "owner/name"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = copied(model)  # type: ignore[operator]
    np.testing.assert_array_equal(again.encode_query(TEXTS), model.encode_query(TEXTS))
    assert again.encode(TEXTS).shape == (3, 8) and again.similarity_fn_name == "dot"
    assert again.model_card_data.model_name == "owner/name" and again.max_seq_length == 9
    again.prompts["query"] = ""
    assert model.prompts["query"] == "find: " or copied is copy.copy
