"""A folder of a saved model tells, without torch, which model it is: the one that torch loads from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import BERT_BODY, TOY, make_model
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer
from without_torch import printed_without_torch

import tiered_st
from tiered_st.fingerprint import difference, model_fingerprint, model_revision, module_settings, weights_fingerprint
from tiered_st.model import load, set_storage
from tiered_st.saved.saved_model import SavedModel, settings_of_folder
from tiered_st.weight_hash import PRECISIONS, hash_weights

TEXTS = ["the cat sat on the mat", "Teh CAT!", "a b c d e f g h i j k l m n o p"]


def models() -> dict[str, Callable[[], SentenceTransformer]]:
    def changed(
        change: Callable[[SentenceTransformer], object], **settings: object
    ) -> Callable[[], SentenceTransformer]:
        def make() -> SentenceTransformer:
            model = make_model(TOY.replace(**settings))
            change(model)
            return model

        return make

    def prompted(model: SentenceTransformer) -> None:
        model.prompts |= {"x": "find: ", "query": "query: "}
        model.default_prompt_name = "x"

    nothing = lambda model: None  # noqa: E731
    return {
        "toy": changed(nothing),
        "body": changed(nothing, body=BERT_BODY, pool_marks=False),
        "peek": changed(nothing, peek=True),
        "segments": changed(nothing, segments=2),
        "learned chunker": changed(nothing, chunker="learned"),
        "windows, convolution": changed(nothing, chunker="windows", window=20, stride=10, char_mixer="convolution"),
        "memory in int8": changed(tiered_st.quantize_char_encoder, memory_slots=8, memory_width=16, memory_values=4),
        "table": changed(lambda model: tiered_st.tabulate(model, TEXTS, storage="int8")),
        "table alone": changed(lambda model: tiered_st.tabulate(model, TEXTS, keep_encoder=False)),
        "truncated": changed(lambda model: setattr(model, "truncate_dim", 8)),
        "short": changed(lambda model: setattr(model, "max_seq_length", 9)),
        "max": changed(nothing, pooling="max"),
        "without prompt": changed(lambda model: model.set_pooling_include_prompt(False)),
        "two poolings": changed(lambda model: setattr(model.pooling, "pooling_mode", ("cls", "max"))),
        "prompts": changed(prompted),
        "half": changed(lambda model: model.half()),
        "stored in float16": changed(lambda model: set_storage(model, "float16")),
        "stored in int8": changed(lambda model: set_storage(model, "int8")),
        "half, stored in int8": changed(lambda model: set_storage(model.half(), "int8")),
        "double": changed(lambda model: model.double()),
    }


def check(folder: str | Path) -> None:
    model, saved = load(folder, device="cpu"), SavedModel(folder)
    assert json.dumps(settings_of_folder(folder)) == json.dumps(module_settings(model))  # a tuple is a list there
    assert model_fingerprint(saved) == model_fingerprint(model)
    assert saved.prompts == model.prompts and saved.default_prompt_name == model.default_prompt_name
    assert model_revision(saved) == model_revision(model)
    assert saved.get_embedding_dimension() == model.get_embedding_dimension()
    assert weights_fingerprint(saved) == weights_fingerprint(model)


@pytest.mark.parametrize("name", tiered_st.pretrained())
def test_a_shipped_folder_is_the_model_that_torch_loads(name: str) -> None:
    check(tiered_st.path(name))


@pytest.mark.parametrize("name", models())
def test_a_saved_folder_is_the_model_that_torch_loads(name: str, tmp_path: Path) -> None:
    models()[name]().save(str(tmp_path), create_model_card=False)
    check(tmp_path)


def test_one_in_bfloat16_is_the_same_model(tmp_path: Path) -> None:
    """Its text is another: what torch calls bfloat16 is float32 in numpy."""
    model = make_model()
    set_storage(model, "int8")
    for name, kept in (("a", make_model().bfloat16()), ("b", model.bfloat16())):
        kept.save(str(tmp_path / name), create_model_card=False)
        loaded, saved = load(tmp_path / name, device="cpu"), SavedModel(tmp_path / name)
        assert difference(model_fingerprint(loaded), saved) is None
        assert difference(model_fingerprint(saved), loaded) is None
        assert model_revision(saved) == model_revision(loaded)


def test_weights_are_those_of_the_state_dict(tmp_path: Path) -> None:
    model = make_model(TOY.replace(memory_slots=8))
    set_storage(model, "int8")
    model.save(str(tmp_path), create_model_card=False)
    state = load(tmp_path, device="cpu").state_dict()
    weights = SavedModel(tmp_path).named_weights()
    assert weights.keys() == state.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(weights[name], value.numpy(), strict=True)


def test_prompts_are_those_of_the_loaded_model(tmp_path: Path) -> None:
    make_model().save(str(tmp_path), create_model_card=False)
    for prompts in (None, {"x": "x: "}, {"document": None, "query": "q: "}):
        (tmp_path / "config_sentence_transformers.json").write_text(json.dumps({"prompts": prompts}))
        assert SavedModel(tmp_path).prompts == load(tmp_path, device="cpu").prompts


def test_a_process_without_torch_gives_the_same_fingerprint(tmp_path: Path) -> None:
    model = make_model()
    model.save(str(tmp_path), create_model_card=False)
    code = (
        "from tiered_st.fingerprint import model_fingerprint; from tiered_st.saved.saved_model import SavedModel\n"
        "print(model_fingerprint(SavedModel(sys.argv[1])))"
    )
    assert printed_without_torch(code, tmp_path) == model_fingerprint(model)


def test_a_model_known_by_what_it_encodes_needs_no_torch_either() -> None:
    code = (
        "import numpy as np; from tiered_st.fingerprint import *\n"
        "class Shell:\n    def encode(self, texts): return np.ones((len(texts), 4), dtype=np.float32)\n"
        "print(weights_fingerprint(Shell()), model_fingerprint(Shell()))"
    )
    expected = "ee116ad97ed5800d 2-bdbeb33d7623e7a8-b80c3bcc6fc8133f-b80c3bcc6fc8133f-b80c3bcc6fc8133f"
    assert printed_without_torch(code) == expected  # as torch hashed it


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", {"config": {"colour": 1}}, r"config.json does not describe a TieredInput .*colour"),
        ("config.json", {}, r"config.json does not describe a TieredInput \(lacks 'config'\)"),
        ("2_Pooling/config.json", {"embedding_dimension": 32, "colour": 1}, "does not describe a Pooling .*colour"),
        ("2_Pooling/config.json", {}, "does not describe a Pooling .*embedding_dimension"),
        ("1_SemanticEncoder/model.safetensors", {}, "model.safetensors cannot be read"),
    ],
)
def test_a_damaged_folder_is_refused_with_its_file(
    file: str, content: dict[str, object], message: str, tmp_path: Path
) -> None:
    make_model().save(str(tmp_path), create_model_card=False)
    (tmp_path / file).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        model_fingerprint(SavedModel(tmp_path))


def test_missing_weights_and_unknown_dtypes_are_refused(tmp_path: Path) -> None:
    make_model().save(str(tmp_path), create_model_card=False)
    content = json.loads((tmp_path / "config.json").read_text()) | {"dtype": "float8"}
    (tmp_path / "1_SemanticEncoder" / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"1_SemanticEncoder.*model.safetensors is missing"):
        SavedModel(tmp_path).named_weights()
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"config.json does not describe a TieredInput \(dtype='float8' is not one of"):
        SavedModel(tmp_path).named_weights()


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1), st.sampled_from([None, *PRECISIONS]))
def test_arrays_hash_as_tensors_do(values: list[float], precision: str | None) -> None:
    for dtype in (np.float32, np.float64):
        array = np.array(values, dtype=dtype)
        state = {"a": array, "b": np.arange(3, dtype=np.int16), "c": np.array([True])}
        tensors = {name: torch.from_numpy(value) for name, value in state.items()}
        for named in (False, True):
            options = {"precision": precision, "named": named}
            assert hash_weights(state, **options) == hash_weights(tensors, **options)
