"""What is exported is the model by measurement, or nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import BERT_BODY, TOY, make_model
from safetensors.numpy import load_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling

import tiered_st
from tiered_st import runtime
from tiered_st.cli import main
from tiered_st.fingerprint import model_fingerprint
from tiered_st.runtime import export as exporting

TEXTS = ["The cat sat on the mat.", "", "hel lo wolrd", "漢字 😂"]
DISTANCE = {"int8": 0.05, "float16": 2e-3, "float32": 1e-5}


@pytest.mark.parametrize("precision", DISTANCE)
@pytest.mark.parametrize("kind", ["own", "bert", "learned", "tabulated", "int8 E1", "pairs", "half"])
def test_both_load_what_is_written(kind: str, precision: str, tmp_path: Path) -> None:
    changes = {"bert": {"body": BERT_BODY}, "learned": {"chunker": "learned"}, "pairs": {"segments": 2}}
    model = make_model(TOY.replace(**changes.get(kind, {}), pool_marks=kind != "bert"))
    if kind == "tabulated":
        tiered_st.tabulate(model, TEXTS)
    elif kind == "int8 E1":
        tiered_st.quantize_char_encoder(model)
    elif kind == "half":
        model.half()
    before = model_fingerprint(model)
    report = tiered_st.export(model, tmp_path / "out", precision=precision)
    assert exporting.LEAST_COSINE[precision] <= report.worst <= report.mean <= 1.000001
    assert model_fingerprint(model) == before
    assert (model[0].storage, model[1].storage) == ("float32", "float32")
    expected = model.float().encode(TEXTS)
    for found in (runtime.load(tmp_path / "out"), tiered_st.load(tmp_path / "out", device="cpu", dtype="float32")):
        np.testing.assert_allclose(found.encode(TEXTS), expected, rtol=0, atol=DISTANCE[precision])
    stored = load_file(tmp_path / "out" / "1_SemanticEncoder" / "model.safetensors")
    dtype = "float16" if kind == "half" and precision == "float32" else precision
    assert {value.dtype.name for value in stored.values() if value.ndim == 2 and value.shape[1] > 1} == {dtype}


def test_the_report_says_what_was_compared(model: SentenceTransformer, tmp_path: Path) -> None:
    model.prompts = {"query": "query: ", "document": ""}
    report = tiered_st.export(model, tmp_path / "a", "int8", ["one", "two"])
    assert report.texts == 2
    assert report.text in ("one", "two", "query: one", "query: two")  # an index calls encode_query
    own = tiered_st.export(model, tmp_path / "b", "float32")
    assert own.texts > 25
    assert own.worst > 0.999999
    with pytest.raises(ValueError, match="check has no text"):
        tiered_st.export(model, tmp_path / "c", check=[])
    assert not (tmp_path / "c").exists()


def test_what_differs_is_not_written(
    model: SentenceTransformer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    tiered_st.export(model, out)
    old = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    fill = runtime.encoder.ChunkVectors.fill

    def turned(self: Any, ids: Any) -> Any:
        vectors = fill(self, ids)
        return np.where(ids[:, :1, 1:2] == ids[0, 0, 1], vectors[:, :, ::-1], vectors)

    monkeypatch.setattr(runtime.encoder.ChunkVectors, "fill", turned)
    with pytest.raises(ValueError, match=r"In int8 the vector of '.+' has a cosine of -?0\.\d+ .* below 0\.99:"):
        tiered_st.export(model, out, check=TEXTS[:1])
    with pytest.raises(ValueError, match=r"In float32 .* below 0\.9999"):
        tiered_st.export(model, tmp_path / "new", "float32", TEXTS[:1])
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == old
    assert [path.name for path in tmp_path.iterdir() if "lock" not in path.name] == ["out"]


def test_it_is_torch_that_is_compared_with(
    model: SentenceTransformer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiered_st.set_storage(model, "int8")
    model.save(str(tmp_path / "m"), create_model_card=False)
    found = [
        tiered_st.export(tiered_st.load(tmp_path / "m", backend=backend), tmp_path / backend, check=TEXTS)
        for backend in ("torch", "onnx")
    ]
    assert found[0] == found[1]
    assert found[0].worst < 0.999999


def test_a_vector_that_is_no_number_differs(
    model: SentenceTransformer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_cosines", lambda found, expected: np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="'two' has a cosine of -1"):
        tiered_st.export(model, tmp_path / "out", check=["one", "two"])


def odd(kind: str) -> SentenceTransformer:
    model = make_model(TOY.replace(body=BERT_BODY | ({"hidden_act": "relu"} if kind == "activation" else {})))
    if kind == "dense":
        model.append(Dense(32, 8))
    elif kind == "pooling":
        model[2] = Pooling(32, pooling_mode="lasttoken")
    elif kind == "normalize":
        model[3] = Normalize(module_input_name="token_embeddings")
    elif kind == "body":
        body = BERT_BODY | {"model_type": "modernbert", "global_attn_every_n_layers": 2}
        model = make_model(TOY.replace(body=body))
    elif kind == "nan":
        with torch.no_grad():
            model[1].body.model.embeddings.position_embeddings.weight[3] = torch.nan
    return model


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("dense", "has a sentence_transformers.*Dense: the runtime runs no module of that class"),
        ("pooling", "pooling_mode='lasttoken': the runtime pools by mean, max, cls"),
        ("normalize", "Normalize reads token_embeddings and writes token_embeddings"),
        ("body", "body has model_type='modernbert': the runtime runs bert"),
        ("activation", "hidden_act='relu' is not one of gelu"),
        ("nan", "storage='int8' cannot hold .*position_embeddings.weight, which is not finite"),
    ],
)
def test_what_the_runtime_does_not_run_is_refused_by_name(kind: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=says):
        tiered_st.export(odd(kind), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_adapters_are_refused(model: SentenceTransformer, tmp_path: Path) -> None:
    adapter = type("LoraLinear", (torch.nn.Linear,), {"__module__": "peft.tuners.lora"})  # peft is no dependency
    model[1].body.layers[0].qkv = adapter(32, 96)
    with pytest.raises(ValueError, match="of peft, and what is saved so could not be loaded"):
        tiered_st.export(model, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_no_folder_but_a_models_is_replaced(model: SentenceTransformer, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="is there and is no tiered model"):
        tiered_st.export(model, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    with pytest.raises(ValueError, match="precision='int4' is not one of float32, float16, int8"):
        tiered_st.export(model, tmp_path / "out", "int4")
    with pytest.raises(ValueError, match="opens with a Pooling"):
        tiered_st.export(SentenceTransformer(modules=[Pooling(8)], device="cpu"), tmp_path / "out")


def test_the_command_exports(model: SentenceTransformer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model.save(str(tmp_path / "m"), create_model_card=False)
    (tmp_path / "notes.txt").write_text("\n".join(["one text", "another"]))
    out = str(tmp_path / "out")
    assert main(["export", str(tmp_path / "m"), "-o", out, "--check", str(tmp_path / "notes.txt")]) == 0
    assert "compared with torch on 2 texts, least cosine 0.99" in capsys.readouterr().err
    assert runtime.load(out).precision == "int8"
    assert main(["export", str(tmp_path / "m"), "-o", str(tmp_path)]) == 1
    assert "is no tiered model" in capsys.readouterr().err
