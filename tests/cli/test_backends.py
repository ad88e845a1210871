"""What computes, for the command line: torch, or ONNX Runtime where torch may be absent."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import TOY, make_model
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling
from without_torch import run_without_torch

import tiered_st
import tiered_st.runtime
from tiered_st.cli import commands, main
from tiered_st.cli.backends import default_backend
from tiered_st.indexes import FaissIndex
from tiered_st.runtime.export import ExportReport

TEXTS = ["the cat sat on the mat", "Teh CAT!", "delete a folder"]
MAIN = "import sys; from tiered_st.cli import main; code = main(sys.argv[1:]); "
MAIN += "assert not {'torch', 'transformers', 'sentence_transformers', 'scipy'} & set(sys.modules); sys.exit(code)"


@pytest.fixture(scope="module")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "toy"
    make_model().save(str(folder), create_model_card=False)
    return folder


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    (tmp_path / "notes.txt").write_text("\n".join(TEXTS))
    return tmp_path / "notes.txt"


# without torch


def test_encode_index_search_and_info_without_torch(toy_folder: Path, notes: Path, tmp_path: Path) -> None:
    pytest.importorskip("faiss")

    def run(*arguments: object) -> str:
        done = run_without_torch(MAIN, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("encode", notes, "-o", tmp_path / "o.npy", "--model", toy_folder)
    np.testing.assert_allclose(np.load(tmp_path / "o.npy"), make_model().encode(TEXTS), atol=1e-6)
    run("index", notes, "-o", tmp_path / "i", "--model", toy_folder)
    found = run("search", tmp_path / "i", TEXTS[1], "--model", toy_folder, "--json", "-k", "1")
    assert json.loads(found)["hits"][0]["text"] == TEXTS[1]
    assert FaissIndex.load(tmp_path / "i", make_model()).search(TEXTS[2])[0].text == TEXTS[2]  # torch opens it too
    facts = json.loads(run("info", toy_folder, "--json"))
    assert facts["parameters"] == sum(parameter.numel() for parameter in make_model().parameters())
    assert json.loads(run("info", tmp_path / "i", "--json"))["model"] == "toy"
    assert "en-nano" in run("info")


def test_what_is_missing_is_named_with_the_way_to_it(toy_folder: Path, notes: Path, tmp_path: Path) -> None:
    absent = "import sys; sys.modules['onnxruntime'] = None; " + MAIN
    for code, arguments, line in [
        (MAIN, ("--backend", "torch"), "--backend torch needs torch: pip install tiered-st"),
        (absent, (), "--backend onnx needs onnxruntime: pip install onnxruntime"),
    ]:
        done = run_without_torch(code, "encode", notes, "--model", toy_folder, *arguments)
        assert (done.returncode, done.stderr) == (1, f"tiered-st: {line}\n")


def test_a_missing_faiss_is_named_with_the_way_to_it(toy_folder: Path, notes: Path, tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    FaissIndex.build(make_model(), TEXTS).save(tmp_path / "there")
    code = "import sys; sys.modules['faiss'] = None; " + MAIN
    for arguments in (("index", notes, "-o", tmp_path / "new"), ("search", tmp_path / "there", "x")):
        done = run_without_torch(code, *arguments, "--model", toy_folder)
        assert done.returncode == 1
        assert done.stderr.endswith("tiered-st: FaissIndex needs FAISS: pip install faiss-cpu\n")


# which backend, and how


def test_torch_is_the_default_where_it_is_installed_with_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_backend() == "torch"
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    assert default_backend() == "onnx"


@pytest.mark.parametrize("command", ["encode", "index", "search"])
def test_the_help_says_which_is_the_default(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "(default: torch where it and sentence-transformers are installed, else onnx)" in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--backend", "onnx", "--device", "cuda"], "--device cuda is of --backend torch"),
        (["--backend", "openvino"], "invalid choice: 'openvino'"),
        (["--backend", "tensorflow"], "invalid choice: 'tensorflow'"),
        (["--threads", "0"], "'0' is not a whole number above 0"),
    ],
)
def test_what_a_backend_has_not_is_refused(
    options: list[str], says: str, notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["encode", str(notes), *options]) == 2
    assert says in capsys.readouterr().err


def test_an_index_is_asked_by_the_shipped_model_that_built_it(
    notes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("faiss")
    arguments = ["index", str(notes), "-o", str(tmp_path / "i"), "--model", "en-nano", "--backend", "onnx"]
    assert main(arguments) == 0
    for backend in ("onnx", "torch"):
        assert main(["search", str(tmp_path / "i"), TEXTS[2], "--json", "-k", "1", "--backend", backend]) == 0
        assert json.loads(capsys.readouterr().out)["hits"][0]["text"] == TEXTS[2]


def test_threads_reach_what_computes(toy_folder: Path, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(torch, "set_num_threads", given.append)
    runtime = tiered_st.runtime.load
    monkeypatch.setattr(
        tiered_st.runtime, "load", lambda folder, threads: given.append((folder, threads)) or runtime(folder)
    )
    arguments = ["encode", str(notes), "-o", str(notes.with_name("o.npy")), "--model", str(toy_folder)]
    assert main([*arguments, "--threads", "3"]) == 0
    assert main([*arguments, "--threads", "5", "--backend", "onnx", "--device", "cpu"]) == 0
    assert main([*arguments, "--backend", "onnx"]) == 0
    assert given == [3, (str(toy_folder), 5), (str(toy_folder), None)]


# going on


def interrupted(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    """Run a command of which all texts but the last are embedded and kept."""
    monkeypatch.setattr(commands, "BLOCK", 1)
    encode, left = SentenceTransformer.encode, [2]

    def failing(self: SentenceTransformer, inputs: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return encode(self, inputs, **options)

    monkeypatch.setattr(SentenceTransformer, "encode", failing)
    assert main(arguments) == 130
    monkeypatch.setattr(SentenceTransformer, "encode", encode)


def test_another_backend_does_not_go_on(
    toy_folder: Path, notes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = notes.with_name("o.npy")
    arguments = ["encode", str(notes), "-o", str(out), "--model", str(toy_folder)]
    interrupted(monkeypatch, arguments)
    assert main([*arguments, "--backend", "onnx"]) == 1
    assert "begun with --backend torch, not onnx: give that one, or --restart" in capsys.readouterr().err
    manifest = notes.with_name(".o.npy.unfinished") / "manifest.json"
    begun = json.loads(manifest.read_text())
    del begun["backend"]  # as older versions wrote it
    manifest.write_text(json.dumps(begun))
    assert main(arguments) == 0
    np.testing.assert_allclose(np.load(out), make_model().encode(TEXTS), atol=1e-5)


def test_an_index_with_prompts_goes_on_with_them_alone(
    tmp_path: Path, notes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("faiss")
    model = make_model()
    model.prompts |= {"document": "passage: "}
    model.save(str(tmp_path / "m"), create_model_card=False)
    arguments = ["index", str(notes), "-o", str(tmp_path / "i"), "--model", str(tmp_path / "m")]
    interrupted(monkeypatch, arguments)
    manifest = tmp_path / ".i.unfinished" / "manifest.json"
    begun = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({"model_fingerprint": begun["model_fingerprint"]}))  # as older versions wrote it
    assert main(arguments) == 1
    assert "'document': 'passage: '" in capsys.readouterr().err
    manifest.write_text(json.dumps(begun))
    assert main(arguments) == 0
    assert "2 texts had been embedded before" in capsys.readouterr().err
    index = FaissIndex.load(tmp_path / "i", model)
    expected = model.encode(TEXTS[:1])[0] @ model.encode([f"passage: {text}" for text in TEXTS]).T
    scores = {hit.text: hit.score for hit in index.search(TEXTS[0])}
    np.testing.assert_allclose([scores[text] for text in TEXTS], expected, atol=1e-5)


# info and export


def test_info_counts_what_torch_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = make_model(TOY.replace(chunker="learned", memory_slots=8))
    tiered_st.quantize_char_encoder(model)
    tiered_st.tabulate(model, TEXTS)
    model.truncate_dim = 8
    model.save(str(tmp_path), create_model_card=False)
    loaded = tiered_st.load(tmp_path, device="cpu")
    assert main(["info", str(tmp_path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["parameters"] == sum(parameter.numel() for parameter in loaded.parameters())
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in loaded[0].named_children()}
    parts["semantic_encoder"] = sum(parameter.numel() for parameter in loaded[1].parameters())
    assert {name: tier["parameters"] for name, tier in facts["tiers"].items()} == {
        name: count for name, count in parts.items() if count
    }
    assert list(facts["tiers"]) == ["boundary_predictor", "char_encoder", "chunk_projector", "semantic_encoder"]
    assert facts["dimension"] == 8
    assert facts["without_torch"] == "yes"
    model[2] = Pooling(32, pooling_mode="lasttoken")
    model.save(str(tmp_path), create_model_card=False)
    assert main(["info", str(tmp_path)]) == 0
    assert " no: pooling_mode='lasttoken': the runtime pools by" in capsys.readouterr().out


def test_export_hands_over_model_precision_and_texts(
    toy_folder: Path, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[Any] = []

    def export(model: Any, folder: str, **options: Any) -> ExportReport:
        given.append((type(model).__name__, folder, options))
        return ExportReport(0.99987, 0.99991, "a", len(options.get("check", [])))

    monkeypatch.setattr(tiered_st, "export", export)
    out = str(tmp_path / "out")
    assert main(["export", str(toy_folder), "-o", out]) == 0
    assert main(["export", str(toy_folder), "-o", out, "--precision", "float32", "--check", str(notes)]) == 0
    assert given == [
        ("SentenceTransformer", out, {"precision": "int8"}),
        ("SentenceTransformer", out, {"precision": "float32", "check": TEXTS}),
    ]
    assert "in float32, compared with torch on 3 texts, least cosine 0.99987" in capsys.readouterr().err
    (tmp_path / "blank.txt").write_text("\n \n")
    assert main(["export", str(toy_folder), "-o", out, "--check", str(tmp_path / "blank.txt")]) == 1
    assert "blank.txt: no text to compare by" in capsys.readouterr().err


def test_an_export_that_differs_is_one_line(
    toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refusing(*_: Any, **options: Any) -> None:
        raise ValueError("cosine .5\nof text 3")

    monkeypatch.setattr(tiered_st, "export", refusing)
    assert main(["export", str(toy_folder), "-o", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == "tiered-st: cosine .5 of text 3\n"
