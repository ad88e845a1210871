"""The command line, on a toy model: values, exit codes, and what stays on disk when something fails."""

from __future__ import annotations

import importlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

import tiered_st
from tiered_st.cli import commands, main
from tiered_st.cli import parser as cli_parser
from tiered_st.cli.common import model_of
from tiered_st.cli.search import QUERY_BLOCK
from tiered_st.cli.vector_files import replacing
from tiered_st.records.rows import InputError

TEXTS = ["the cat sat on the mat", "parse a json file", "delete a folder", "le café est fermé", "機械学習", "a"]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "toy"
    tiered_st.build("toy", device="cpu").save(str(folder))
    return str(folder)


@pytest.fixture(scope="module")
def expected(toy: str) -> np.ndarray:
    return tiered_st.load(toy, device="cpu").encode(TEXTS)


@pytest.fixture
def notes(tmp_path: Path) -> str:
    path = tmp_path / "notes.txt"
    path.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return str(path)


def feed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, **options)


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


# encode


def test_npy_rows_are_encode_in_input_order(
    toy: str, notes: str, expected: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "BLOCK", 4)  # so that the file is written in two blocks
    out = tmp_path / "out.npy"
    assert main(["encode", notes, "-o", str(out), "--model", toy, "--device", "cpu", "--batch-size", "2"]) == 0
    rows = np.load(out)
    assert rows.dtype == np.float32 and rows.shape == (len(TEXTS), 32)
    np.testing.assert_allclose(rows, expected, atol=1e-5)
    assert left_over(tmp_path) == []


def test_jsonl_on_stdout_gives_ids_and_the_same_floats(
    toy: str, expected: np.ndarray, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(monkeypatch, "\n".join(TEXTS).encode())
    assert main(["encode", "-", "--model", toy, "--device", "cpu"]) == 0
    captured = capsys.readouterr()
    rows = [json.loads(line) for line in captured.out.splitlines()]
    assert [row["id"] for row in rows] == [f"stdin:{i}" for i in range(1, len(TEXTS) + 1)]
    np.testing.assert_array_equal(np.array([row["embedding"] for row in rows], dtype=np.float32), expected)
    assert "6 embeddings of 32 dimensions written" in captured.err


def test_fields_of_jsonl_csv_and_parquet(toy: str, expected: np.ndarray, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"body": text}) + "\n" for text in TEXTS[:2]))
    (tmp_path / "b.csv").write_text("body,x\n" + "".join(f"{text},1\n" for text in TEXTS[2:4]), encoding="utf-8")
    pq.write_table(pa.table({"body": TEXTS[4:]}), tmp_path / "c.parquet")
    out = str(tmp_path / "out.npy")
    inputs = [str(tmp_path / name) for name in ("a.jsonl", "b.csv")]
    last = str(tmp_path / "c.parquet")  # an input behind the options counts too
    assert main(["encode", *inputs, "--field", "body", "-o", out, "--model", toy, "--quiet", last]) == 0
    np.testing.assert_allclose(np.load(out), expected, atol=1e-5)


def test_input_without_text_is_refused_and_nothing_written(
    toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("faiss")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "blank.txt").write_text("\n \n")
    for command, name, out in [
        ("encode", "empty.txt", "o.npy"), ("index", "empty.txt", "idx"), ("index", "blank.txt", "idx"),
    ]:  # fmt: skip
        assert main([command, str(tmp_path / name), "-o", str(tmp_path / out), "--model", toy]) == 1
        assert f"{name}: no text to {command}" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blank.txt", "empty.txt"]


def test_a_broken_line_fails_and_leaves_the_old_file(
    toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "BLOCK", 1)  # so that rows have been written when the line is met
    (tmp_path / "bad.jsonl").write_text('{"text": "good"}\n{"text": \n')
    out = tmp_path / "out.npy"
    out.write_text("old")
    assert main(["encode", str(tmp_path / "bad.jsonl"), "-o", str(out), "--model", toy]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"tiered-st: {tmp_path / 'bad.jsonl'}:2: not JSON") and error.count("\n") == 1
    assert out.read_text() == "old" and left_over(tmp_path) == [".out.npy.unfinished"]  # to go on from


def test_broken_lines_are_skipped_named_and_counted(
    toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.txt").write_bytes(b"good\n\xff\nfine\n")
    arguments = [str(tmp_path / "bad.txt"), "-o", str(tmp_path / "o.npy"), "--model", toy, "--quiet"]
    assert main(["encode", *arguments, "--on-error", "skip"]) == 3
    error = capsys.readouterr().err
    assert "bad.txt:2: skipped: invalid UTF-8" in error and "1 broken line skipped" in error
    assert len(np.load(tmp_path / "o.npy")) == 2


def test_ctrl_c_leaves_the_old_file(toy: str, notes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands.NpyWriter, "write", interrupted)
    (tmp_path / "out.npy").write_text("old")
    assert main(["encode", notes, "-o", str(tmp_path / "out.npy"), "--model", toy]) == 130
    assert (tmp_path / "out.npy").read_text() == "old" and left_over(tmp_path) == [".out.npy.unfinished"]


@pytest.mark.skipif(os.name == "nt", reason="Windows reports a closed pipe in its own way")
def test_a_closed_pipe_is_no_error(toy: str, tmp_path: Path) -> None:
    (tmp_path / "many.txt").write_text("some text\n" * 3000)  # far more output than a pipe holds
    command = [sys.executable, "-m", "tiered_st.cli", "encode", str(tmp_path / "many.txt"), "--model", toy, "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        assert json.loads(process.stdout.readline())["id"].endswith("many.txt:1")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=300) == 0


# going on


KILLED = """
import os, signal, sys
from tiered_st.cli import commands, finished_blocks, main
commands.BLOCK, left, save = 2, [int(sys.argv[1])], finished_blocks.np.save
def dying(file, vectors):
    if not left[0]:
        file.write(b"half a block")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    save(file, vectors)
finished_blocks.np.save = dying
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_an_index_killed_again_and_again_goes_on(toy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps({"id": f"k{i}", "text": t}) + "\n" for i, t in enumerate(TEXTS))
    )
    arguments = ["index", str(tmp_path / "a.jsonl"), "--model", toy, "--device", "cpu", "-o"]
    idx = str(tmp_path / "idx")
    for blocks in (1, 1):
        assert run("-c", KILLED, str(blocks), *arguments, idx).returncode == -9
    assert not Path(idx).exists() and len(list((tmp_path / ".idx.unfinished").glob("0*.npy"))) == 2
    monkeypatch.setattr(commands, "BLOCK", 2)
    calls = counted_encodes(monkeypatch)
    assert main([*arguments, idx]) == 0 and calls == [2]  # the last block alone
    assert left_over(tmp_path) == []
    assert main([*arguments, str(tmp_path / "calm")]) == 0
    model = tiered_st.load(toy, device="cpu")
    gone_on, calm = (tiered_st.FaissIndex.load(path, model) for path in (idx, tmp_path / "calm"))
    assert gone_on.ids == calm.ids == [f"k{i}" for i in range(len(TEXTS))]
    for text in TEXTS:
        hits = [
            [(hit.id, hit.text, pytest.approx(hit.score, abs=1e-6)) for hit in index.search(text)]
            for index in (gone_on, calm)
        ]
        assert [hit[:2] for hit in hits[0]] == [hit[:2] for hit in hits[1]]
    assert (Path(idx) / "records.jsonl").read_bytes() == (tmp_path / "calm" / "records.jsonl").read_bytes()
    # Processes may sum in another order, so not bit for bit; a vector of another text would be far off.
    np.testing.assert_allclose(vectors_of(idx), vectors_of(tmp_path / "calm"), atol=1e-6)
    np.testing.assert_allclose(vectors_of(idx), model.encode(TEXTS), atol=1e-6)


def vectors_of(folder: str | Path) -> np.ndarray:
    """Return what stands in an index's file, (texts, dimension)."""
    faiss = importlib.import_module("faiss")
    found = faiss.read_index(str(Path(folder) / "index.faiss"))
    rows = faiss.vector_to_array(found.id_map)
    return np.stack([found.reconstruct(int(row)) for row in rows])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_encode_killed_in_a_block_gives_the_rows_of_an_undisturbed_run(
    toy: str, notes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["encode", notes, "--model", toy, "--device", "cpu", "-o"]
    killed, calm = tmp_path / "killed.npy", tmp_path / "calm.npy"
    assert run("-c", KILLED, "1", *arguments, str(killed)).returncode == -9
    assert not killed.exists()
    monkeypatch.setattr(commands, "BLOCK", 2)
    assert main([*arguments, str(killed)]) == main([*arguments, str(calm)]) == 0
    np.testing.assert_allclose(np.load(killed), np.load(calm), atol=1e-6)
    assert killed.stat().st_size == calm.stat().st_size and left_over(tmp_path) == []


def counted_encodes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the list of how many texts each call of a model's encode gets from now on."""
    calls: list[int] = []
    encode = SentenceTransformer.encode

    def counting(self: SentenceTransformer, texts: list[str], **options: Any) -> Any:
        calls.append(len(texts))
        return encode(self, texts, **options)

    monkeypatch.setattr(SentenceTransformer, "encode", counting)
    return calls


def test_encode_goes_on_and_refuses_other_texts_and_models(
    toy: str, notes: str, expected: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(commands, "BLOCK", 2)
    out = str(tmp_path / "out.npy")
    arguments = ["encode", notes, "-o", out, "--model", toy, "--device", "cpu"]
    with monkeypatch.context() as patch:
        write, left = commands.NpyWriter.write, [2]

        def interrupted(*given: Any) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            write(*given)

        patch.setattr(commands.NpyWriter, "write", interrupted)
        assert main(arguments) == 130
    other = tmp_path / "other.txt"
    other.write_text("something else\n")
    capsys.readouterr()
    assert main([*arguments[:1], str(other), *arguments[2:]]) == 1
    assert "begun with other texts" in capsys.readouterr().err
    tiered_st.build("toy", device="cpu").save(str(tmp_path / "second"))
    assert main([*arguments, "--model", str(tmp_path / "second")]) == 1
    error = capsys.readouterr().err
    assert "begun with another model" in error and "--restart" in error
    calls = counted_encodes(monkeypatch)
    assert main(arguments) == 0 and calls == []  # three blocks were finished, the third not yet written out
    np.testing.assert_allclose(np.load(out), expected, atol=1e-5)
    assert left_over(tmp_path) == []
    assert main([*arguments, "--restart"]) == 0 and calls == [2, 2, 2]


# index and search


@pytest.mark.parametrize("output", ["own.jsonl", "link.jsonl", "./own.jsonl"])
def test_embeddings_never_replace_the_texts(
    toy: str, tmp_path: Path, output: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "own.jsonl"
    own.write_text('{"text": "mine"}\n')
    (tmp_path / "link.jsonl").symlink_to(own)
    assert main(["encode", str(own), "-o", output, "--model", toy]) == 1
    assert own.read_text() == '{"text": "mine"}\n' and "is an input" in capsys.readouterr().err


@pytest.fixture
def built(toy: str, notes: str, tmp_path: Path) -> str:
    pytest.importorskip("faiss")
    assert main(["index", notes, "-o", str(tmp_path / "idx"), "--model", toy, "--quiet"]) == 0
    return str(tmp_path / "idx")


def test_search_finds_each_text_by_itself(toy: str, notes: str, built: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", built, "--model", toy, "--json", "-k", "2", *TEXTS]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["query"] for row in rows] == TEXTS
    assert [row["hits"][0]["id"] for row in rows] == [f"{notes}:{i}" for i in range(1, len(TEXTS) + 1)]
    assert all(row["hits"][0]["score"] == pytest.approx(1, abs=1e-5) and len(row["hits"]) == 2 for row in rows)
    assert rows[3]["hits"][0]["text"] == TEXTS[3]


def test_every_line_of_stdin_is_answered(
    toy: str, built: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = [f"question {i}" for i in range(2 * QUERY_BLOCK + 3)]
    feed(monkeypatch, ("\n\n".join(queries) + "\n\xff").encode("latin-1"))  # blank lines ask nothing
    assert main(["search", built, "--model", toy, "--json", "--on-error", "skip"]) == 3
    captured = capsys.readouterr()
    assert [json.loads(line)["query"] for line in captured.out.splitlines()] == queries
    assert f"stdin:{2 * len(queries)}: skipped: invalid UTF-8" in captured.err


def test_the_table_is_clipped_and_clean(toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("faiss")
    text = "start\t\x1b[31m" + "word " * 100
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": text, "key": "k1"}))
    folder = str(tmp_path / "idx")
    assert main(["index", str(tmp_path / "a.jsonl"), "--id-field", "key", "-o", folder, "--model", toy]) == 0
    capsys.readouterr()
    assert main(["search", folder, "start", "--model", toy, "--width", "40"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "start" and "k1" in lines[1] and "start [31mword" in lines[1] and "\x1b" not in lines[1]
    assert len(lines[1]) <= 40 and lines[1].endswith("…")


def test_append_adds_and_repeated_ids_are_broken_lines(
    toy: str, notes: str, built: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = tmp_path / "more.txt"
    more.write_text("something new\n\n", encoding="utf-8")
    arguments = ["index", "--append", str(more), "-o", built, "--model", toy]
    assert main(arguments) == 0
    error = capsys.readouterr().err
    assert f"1 text added to {built}, which holds 7; 1 blank text left out (first: {more}:2)" in error
    assert main(arguments) == 1
    assert f"{more}:1: the id '{more}:1' is taken" in capsys.readouterr().err
    assert main([*arguments, "--on-error", "skip"]) == 3
    assert "which holds 7" in capsys.readouterr().err


def test_index_never_replaces_a_folder_that_is_none(
    toy: str, notes: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("years of work")
    assert main(["index", notes, "-o", str(tmp_path / "precious"), "--model", toy]) == 1
    assert "exists and is not an index" in capsys.readouterr().err
    assert (tmp_path / "precious" / "thesis.txt").read_text() == "years of work"
    assert main(["index", "--append", notes, "-o", str(tmp_path / "none"), "--model", toy]) == 1
    assert "no index to append to" in capsys.readouterr().err


def test_an_index_that_a_killed_writer_set_aside_is_read_and_added_to(
    toy: str, built: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = tmp_path / "more.txt"
    more.write_text("one more\n")
    aside = tmp_path / ".idx.set-aside"
    Path(built).rename(aside)
    assert main(["info", built]) == 0 and "count        6" in capsys.readouterr().out
    assert model_of(Path(built)) == "en-small"  # a toy's index names no shipped model
    (aside / "meta.json").write_text((aside / "meta.json").read_text().replace('"toy"', '"en-nano"'))
    assert model_of(Path(built)) == "en-nano"
    assert main(["index", str(more), "--append", "-o", built, "--model", toy]) == 0
    assert "which holds 7" in capsys.readouterr().err and left_over(tmp_path) == []


def test_a_folder_with_other_files_is_refused_before_the_work(
    toy: str, notes: str, built: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (Path(built) / "thesis.txt").write_text("mine")
    calls = counted_encodes(monkeypatch)
    assert main(["index", notes, "-o", built, "--model", toy]) == 1 and calls == []
    assert "'thesis.txt'" in capsys.readouterr().err


def test_a_file_is_no_index_to_search(toy: str, notes: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", notes, "a", "--model", toy]) == 1
    error = capsys.readouterr().err
    assert "there is no index" in error and "save()" not in error


def test_another_models_index_is_refused(built: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiered_st.build("toy", device="cpu").save(str(tmp_path / "other"))
    assert main(["search", built, "x", "--model", str(tmp_path / "other")]) == 1
    assert "fingerprint" in capsys.readouterr().err
    assert main(["search", str(tmp_path / "nowhere"), "x", "--model", str(tmp_path / "other")]) == 1
    assert f"tiered-st index FILE -o {tmp_path / 'nowhere'}" in capsys.readouterr().err


# info


def test_info_describes_model_and_index(toy: str, built: str, capsys: pytest.CaptureFixture[str]) -> None:
    model = tiered_st.load(toy, device="cpu")
    assert main(["info", toy, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    assert sum(tier["parameters"] for tier in facts["tiers"].values()) == facts["parameters"]
    assert (facts["dimension"], facts["max_chunks"], facts["chunk_chars"]) == (32, 64, 32)
    assert facts["bytes_on_disk"] == sum(path.stat().st_size for path in Path(toy).rglob("*") if path.is_file())
    assert main(["info", built, "--json"]) == 0
    index = json.loads(capsys.readouterr().out)
    assert (index["count"], index["dimension"], index["model"]) == (len(TEXTS), 32, "toy")
    assert index["fingerprint"] == facts["fingerprint"]
    assert main(["info", toy]) == 0
    assert f"{facts['parameters']:,}" in capsys.readouterr().out


def test_a_name_on_the_hub_is_a_model_like_any_other(
    toy: str, notes: str, expected: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    commit, revisions = "c" * 40, []
    shutil.copytree(toy, tmp_path / "snapshots" / commit)

    def snapshot_download(name: str, *, revision: str | None, **options: Any) -> str:
        revisions.append((name, revision))
        return str(tmp_path / "snapshots" / commit)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    out = str(tmp_path / "out.npy")
    assert main(["encode", notes, "--model", "owner/name@v1", "-o", out]) == 0
    np.testing.assert_allclose(np.load(out), expected, atol=1e-6)
    assert revisions == [("owner/name", "v1"), ("owner/name", commit)]
    capsys.readouterr()
    assert main(["info", "owner/name", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["model"], facts["commit"]) == ("owner/name", commit)
    assert facts["folder"] == str(tmp_path / "snapshots" / commit)
    assert main(["info", toy, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["model"] == facts["folder"] == toy and "commit" not in facts


def test_info_lists_the_shipped_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    names = tiered_st.pretrained()
    assert all(name in out for name in names) if names else "No model" in out


# usage


def test_help_and_usage_errors_do_not_import_torch() -> None:
    code = "import sys; from tiered_st.cli import main; code = main(sys.argv[1:]); assert not {'torch', 'numpy'} & set(sys.modules); sys.exit(code)"  # noqa: E501
    done = run("-c", code, "--help")
    assert done.returncode == 0, done.stderr
    assert "exit codes:" in done.stdout and "examples:" in done.stdout
    assert run("-c", code, "index", "a.txt").returncode == 2


@pytest.mark.parametrize("command", ["encode", "index", "search", "info"])
def test_each_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"tiered-st {command}" in out and "examples:" in out and "130" in out


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["fly"], ["encode"], ["encode", "a", "--batch-size", "0"], ["search", "i", "-k", "x"], ["info", "a", "b"],
        ["encode", "a", "--output-format", "npy"], ["encode", "a", "--wrong"],
        ["index", "a", "-o", "d", "--format", "x"], ["encode", "a", "-o", "n.xyz"], ["encode", "a", "-o", "n"],
        ["search", "i", ""], ["search", "i", "good", " "], ["encode", "a", "--encoding", "hex"],
        ["encode", "a", "--id-field", "k", "--no-id-field"],
    ],
)  # fmt: skip
def test_usage_errors_exit_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: tiered-st" in capsys.readouterr().err


def test_bad_paths_are_one_line_on_stderr(toy: str, notes: str, tmp_path: Path) -> None:
    (tmp_path / "hollow").mkdir()
    for arguments, complaint in [
        (["encode", notes, "--model", "no/such/model"], "'no/such/model' is neither a shipped model"),
        (["encode", notes, "--model", str(tmp_path / "hollow")], "modules.json is missing"),
        (["encode", str(tmp_path / "gone.txt"), "--model", toy], "gone.txt: no such file"),
        (["encode", notes, "--model", toy, "-o", str(tmp_path / "no" / "o.npy")], "cannot be written"),
        (["encode", notes, "--model", toy, "-o", str(tmp_path)], "not a regular file"),
        (["info", "no/such/model"], "neither a shipped model"),
    ]:
        error = io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stderr", error)
            assert main(arguments) == 1
        message = error.getvalue()
        assert complaint in message and message.startswith("tiered-st: ") and message.count("\n") == 1


def test_a_closed_standard_output_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout", None)  # as Python has it after `>&-`
    assert main(["info"]) == 1
    assert "standard output is closed" in capsys.readouterr().err


def test_the_default_model_is_the_librarys() -> None:
    from tiered_st.model import DEFAULT_MODEL

    assert cli_parser.DEFAULT_MODEL == DEFAULT_MODEL


def test_two_processes_never_write_one_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npy"
    with replacing(str(path)) as file:
        file.write(b"first")
        who = r"vectors\.npy: cannot be written .*process \d+ on .* is writing it"
        with pytest.raises(InputError, match=who), replacing(str(path)):
            pytest.fail("let in")
    assert path.read_bytes() == b"first" and [entry.name for entry in tmp_path.iterdir()] == ["vectors.npy"]
