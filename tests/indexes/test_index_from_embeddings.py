"""`tiered-st index --from EMBEDDINGS`, and search, info and --append of what it wrote; with and without torch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("faiss")
pytest.importorskip("pyarrow", reason="folders of embeddings are parquet: pip install pyarrow")
from conftest import make_model
from disk_tools import ToyModel, clustered, write_folder
from without_torch import printed_without_torch

from tiered_st.cli import main
from tiered_st.fingerprint import model_fingerprint
from tiered_st.indexes import DiskIndex

TEXTS = ["the cat sat on the mat", "delete a folder", "read a file line by line"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A saved model, and its embeddings of some texts."""
    where = tmp_path_factory.mktemp("cli")
    model = make_model()
    model.save(str(where / "model"), create_model_card=False)
    meta = {"model_name": "model", "model_fingerprint": model_fingerprint(model)}
    write_folder(where / "e", model.encode(TEXTS, normalize_embeddings=True), ["a", "b", "c"], TEXTS, **meta)
    return where


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def test_built_searched_appended_to_and_described(folder, tmp_path, capsys) -> None:
    code, out, err = run(capsys, "index", "--from", folder / "e", "-o", tmp_path / "i")
    assert (code, out) == (0, "") and err == f"3 texts indexed in {tmp_path / 'i'}, kind flat, recall@10 1.0\n"
    options = ("--model", folder / "model")
    code, out, err = run(capsys, "search", tmp_path / "i", "delete a folder", "-k", 1, "--json", *options)
    assert code == 0 and json.loads(out)["hits"] == [{"id": "b", "score": 1.0, "text": "delete a folder"}]
    (tmp_path / "new.jsonl").write_text('{"id": "d", "text": "a new one"}\n{"id": "a", "text": "taken"}\n')
    append = ("index", "--append", tmp_path / "new.jsonl", "-o", tmp_path / "i", "--on-error", "skip", *options)
    code, _, err = run(capsys, *append)
    assert code == 3 and "the id 'a' is taken" in err and "1 text added" in err and "which holds 4" in err
    assert run(capsys, "info", tmp_path / "i")[1].splitlines()[:3] == [
        f"index        {tmp_path / 'i'}", "count        4", "added        1",
    ]  # fmt: skip
    facts = json.loads(run(capsys, "info", tmp_path / "i", "--json")[1])
    assert (facts["count"], facts["added"], facts["recall"]) == (4, 1, {"recall@10": 1.0, "queries": 3})
    assert facts["config"] == {"kind": "flat", "seed": 0} and facts["model"] == "model"


def test_settings_go_to_the_index(tmp_path, capsys) -> None:
    vectors = clustered(600)
    write_folder(tmp_path / "e", vectors, [f"{row}" for row in range(600)], None)
    numbers = ("--kind", "ivf_pq", "--lists", 3, "--probes", 2, "--code-bytes", 8, "--rerank", 30)
    code, out, _ = run(
        capsys, "index", "--from", tmp_path / "e", "-o", tmp_path / "i", "--quiet", "--threads", 1, *numbers
    )
    config = DiskIndex.load(tmp_path / "i").info()["config"]
    assert code == 0 and out == ""
    assert [config[name] for name in ("kind", "lists", "probes", "code_bytes", "rerank")] == ["ivf_pq", 3, 2, 8, 30]
    out = run(capsys, "info", tmp_path / "i")[1]
    assert "  lists       3\n" in out and "recall@10     0." in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "i"], "nothing to index: give INPUT files, or --from a folder of embeddings"),
        (["--from", "e", "t.txt", "-o", "i"], "--from e brings its texts: leave out 't.txt', or --from"),
        (["--from", "e", "-o", "i", "--field", "x"], "--field, which is of texts: leave it out"),
        (["--from", "e", "-o", "i", "--append"], "--append, which is of texts: leave it out"),
        (["--from", "e", "-o", "i", "--on-error", "skip"], "--on-error skip is of texts"),
        (["t.txt", "-o", "i", "--code-bytes", "8"], "--code-bytes, which is of --from EMBEDDINGS: leave it out"),
        (["--from", "e", "-o", "i", "--kind", "lsh"], "invalid choice: 'lsh'"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, message, capsys) -> None:
    code, _, err = run(capsys, "index", *arguments)
    assert code == 2 and message in err


def test_what_cannot_be_built_is_one_line(folder, tmp_path, capsys) -> None:
    for arguments, message in (
        (("--from", tmp_path / "no"), "holds no embeddings"),
        (("--from", folder / "e", "--kind", "flat", "--lists", 4), "lists=4 is of kind 'ivf', 'ivf_pq', not of 'flat'"),
        (("--from", folder / "e", "--model", "en-nano"), "e: built by 'model' with"),
    ):
        code, out, err = run(capsys, "index", "-o", tmp_path / "i", *arguments)
        assert code == 1 and out == "" and message in err and len(err.splitlines()) == 1
        assert not (tmp_path / "i").exists()


def test_a_plain_index_does_not_replace_one_on_disk(folder, tmp_path, capsys) -> None:
    run(capsys, "index", "--from", folder / "e", "-o", tmp_path / "i", "--quiet")
    (tmp_path / "t.txt").write_text("a text\n")
    code, _, err = run(capsys, "index", tmp_path / "t.txt", "-o", tmp_path / "i", "--model", folder / "model")
    assert code == 1 and "Refusing to overwrite" in err and len(DiskIndex.load(tmp_path / "i")) == 3


def test_without_torch(folder, tmp_path) -> None:
    code = (
        "import sys, tiered_st, tiered_st.runtime; model = tiered_st.runtime.load(sys.argv[1])\n"
        "index = tiered_st.DiskIndex.build(sys.argv[3], sys.argv[2], model, config=tiered_st.IndexConfig('flat'))\n"
        "index.add(['a new one']); index.compact(); both = tiered_st.ShardedIndex([index])\n"
        "print([hit.id for hit in both.search(['delete a folder', 'a new one'], k=1) for hit in hit])\n"
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'scipy'} & set(sys.modules)))"
    )
    printed = printed_without_torch(code, folder / "model", folder / "e", tmp_path / "i")
    assert printed == "['b', '3']\n[]"


def test_a_model_that_is_not_that_of_the_embeddings_is_refused(folder, tmp_path, capsys) -> None:
    write_folder(tmp_path / "e", clustered(20), [str(row) for row in range(20)], None, model=ToyModel())
    run(capsys, "index", "--from", tmp_path / "e", "-o", tmp_path / "i", "--quiet")
    code, out, err = run(capsys, "search", tmp_path / "i", "x", "--model", folder / "model")
    assert code == 1 and out == "" and "built by 'toy'" in err
