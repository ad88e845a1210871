"""Folders that are no model, or no longer the one that was loaded; and options that cannot be had."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import TOY, make_model
from runtime_tools import cosines, loaded
from safetensors.numpy import load_file, save_file

from tiered_st import load, runtime, set_storage
from tiered_st.fingerprint import model_fingerprint
from tiered_st.runtime import loading

E1, E2 = "model.safetensors", "1_SemanticEncoder/model.safetensors"
Change = Callable[[Path], Any]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "whole"
    model = make_model()
    model.prompts = {"query": "query: "}
    model.save(str(path), create_model_card=False)
    make_model(TOY.replace(d_sem=64)).save(str(path.parent / "wide"), create_model_card=False)
    return path


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "model"))


def edit(file: str, **values: Any) -> Change:
    def change(folder: Path) -> None:
        content = json.loads((folder / file).read_text())
        content.get("config", {}).update(values.pop("config", {}))
        (folder / file).write_text(json.dumps(content | values))

    return change


def edit_modules(change: Callable[[list[Any]], list[Any]]) -> Change:
    def apply(folder: Path) -> None:
        path = folder / "modules.json"
        path.write_text(json.dumps(change(json.loads(path.read_text()))))

    return apply


def swap(folder: Path) -> None:
    for name, other in ((E1, "kept"), (E2, E1), ("kept", E2)):
        (folder / name).rename(folder / other)


FAULTS: dict[str, tuple[Change, str]] = {
    **{f"no {file}": (lambda f, file=file: (f / file).unlink(), f"lacks {file}: copy") for file in (E1, E2)},
    **{
        f"{file} cut off": (lambda f, file=file: (f / file).write_bytes((f / file).read_bytes()[:-9]), f"{file} cannot")
        for file in (E1, E2)
    },
    **{
        f"{file} of another model": (
            lambda f, file=file: shutil.copy(f.parent / "wide" / file, f / file),
            f"{file} and config.json beside it.*shape .64.* weights and config.json are not of one model",
        )
        for file in (E1, E2)
    },
    "weights swapped": (swap, "The weights lack char_encoder"),
    "no JSON": (lambda f: (f / "config.json").write_text("{"), "config.json is not JSON"),
    "newer setting": (edit("config.json", config={"later": 1}), "does not know later.*newer tiered-st"),
    "newer E1": (edit("config.json", later=1), "config.json has an unknown later: .*newer tiered-st"),
    "newer E2": (edit("1_SemanticEncoder/config.json", encoder="x"), "1_Sem.*/config.json has an unknown encoder"),
    "dtype": (edit("config.json", dtype="float8"), "config.json: dtype='float8' is not one of"),
    "a str": (edit("config.json", config={"d_char": "32"}), "config.json does not describe a TieredInput"),
    "a float": (edit("1_SemanticEncoder/config.json", config={"d_sem": 32.0}), "config.json beside it cannot be run"),
    "a table": (edit("config.json", table=3), "config.json beside it cannot be run"),
    "max_seq_length": (edit("config.json", max_seq_length=999), "max_seq_length=999 must be a whole number from 3"),
    "order": (edit_modules(lambda m: [m[0], m[2], m[1], m[3]]), "modules.json: .* of TieredInput, Pooling, Sem"),
    "no pooling": (edit_modules(lambda m: m[:2]), "the runtime runs TieredInput, SemanticEncoder, Pooling, Normalize"),
    "foreign": (edit_modules(lambda m: [*m[:3], m[3] | {"type": "torch.nn.Tanh"}]), "names the class torch.nn.Tanh"),
    "width": (edit("2_Pooling/config.json", embedding_dimension=64), "a Pooling of 64 dimensions and a Sem.* of 32"),
    "no modes": (edit("2_Pooling/config.json", pooling_mode=[]), "pooling_mode=.*pools by mean"),
    "normalized states": (
        lambda f: (f / "3_Normalize" / "config.json").write_text('{"module_input_name": "token_embeddings"}'),
        "Normalize reads token_embeddings",
    ),
    "peek": (edit("1_SemanticEncoder/config.json", config={"peek": True}), "a SemanticEncoder with peek=True"),
    "prompts": (edit("config_sentence_transformers.json", prompts={"a": 1}), "which must be texts by name"),
    "default": (edit("config_sentence_transformers.json", default_prompt_name="x"), "default_prompt_name='x', which"),
    "measure": (edit("config_sentence_transformers.json", similarity_fn_name="x"), "similarity_fn_name='x' is not one"),
    "truncated": (edit("config_sentence_transformers.json", truncate_dim=0), "truncate_dim=0 must be"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_damaged_folder_is_refused_by_file_and_cure(name: str, folder: Path, whole: Path) -> None:
    shutil.copytree(whole.parent / "wide", folder.parent / "wide")
    change, said = FAULTS[name]
    change(folder)
    with pytest.raises(ValueError, match=said):
        runtime.load(folder)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"threads": 0}, "threads=0 must be a whole number, at least 1"),
        ({"threads": True}, "threads=True"),
        ({"threads": "2"}, "threads='2'"),
        ({"precision": "int4"}, "^precision='int4' is not one of int8, float32"),
        ({"providers": ["CUDAExecutionProvider"]}, "which this onnxruntime does not have: choose from .*CPU"),
        ({"providers": "CPUExecutionProvider"}, "must be a list"),
        ({"revision": "main"}, "only a model on the hub takes this"),
    ],
)
def test_options_that_cannot_be_had_are_refused(options: dict[str, Any], said: str, folder: Path) -> None:
    with pytest.raises(ValueError, match=said):
        runtime.load(folder, **options)


def test_a_folder_may_go_once_it_is_loaded_and_its_weights_are_not_made_up(folder: Path) -> None:
    encoder = runtime.load(folder, threads=1)
    expected = encoder.encode("a text")
    tensors = load_file(folder / E2)
    save_file({name: value + 1 for name, value in tensors.items()}, folder / E2)
    os.utime(folder / E2, ns=(1, 1))
    np.testing.assert_array_equal(encoder.encode("a text"), expected)
    with pytest.raises(ValueError, match=r"1_SemanticEncoder/model.safetensors is another file now.*load the model"):
        model_fingerprint(encoder)
    shutil.rmtree(folder)
    assert encoder.module_settings()[0]["kind"] == "TieredInput"
    with pytest.raises(ValueError, match=r"model.safetensors is gone"):
        encoder.named_weights()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["body.layers.0.ffn_in.weight", "body.layers.0.ffn_in.bias"])
def test_weights_that_are_no_numbers_show(name: str, value: float, folder: Path) -> None:
    """As by torch; integers, which would hide them, are refused."""
    tensors = {key: array.copy() for key, array in load_file(folder / E2).items()}
    tensors[name][3] = value
    save_file(tensors, folder / E2)
    assert np.isnan(runtime.load(folder, threads=1).encode(["a", "b c"])).all()
    with pytest.raises(ValueError, match=f"{name} has a value that is not finite, and 8-bit integers hold none"):
        runtime.load(folder, precision="int8")


@pytest.mark.parametrize("storage", ["float16", "int8"])
def test_a_storage_gives_the_weights_that_torch_has(storage: str, tmp_path: Path) -> None:
    model = make_model()
    set_storage(model, storage)
    model.save(str(tmp_path / "stored"), create_model_card=False)
    model = load(tmp_path / "stored", device="cpu")
    texts = ["a text", "", "another one, of more words"]
    encoder = runtime.load(tmp_path / "stored", threads=1)
    assert encoder.precision == ("int8" if storage == "int8" else "float32")
    assert model_fingerprint(encoder) == model_fingerprint(model)
    assert cosines(encoder.encode(texts), model.encode(texts)).min() > 0.99
    floats = runtime.load(tmp_path / "stored", threads=1, precision="float32")
    np.testing.assert_allclose(floats.encode(texts), model.encode(texts), rtol=0, atol=1e-5)


def test_half_precision_is_computed_in_float32(tmp_path: Path) -> None:
    model = make_model().to(torch.bfloat16)
    encoder = loaded(model, tmp_path)
    np.testing.assert_allclose(encoder.encode(["a b", "c"]), model.float().encode(["a b", "c"]), rtol=0, atol=1e-5)


def test_the_runtime_runs_each_module_that_it_names() -> None:
    assert list(loading._KEYS) == loading._ORDER[:2]
