"""`tiered-st index --learn-words`: what it says, what search finds in a fresh process, and what a kill leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import TOY, make_model
from without_torch import run_without_torch

from tiered_st.cli import commands, main
from tiered_st.indexes import FaissIndex
from tiered_st.indexes.embedder import Embedder
from tiered_st.learned_words import learned_words

pytest.importorskip("faiss")

TEXTS = ["Zyrvexa kettle", "red Quorlitex", "12 !", "the Zyrvexa"]
WORDS = ["Zyrvexa", "kettle", "red", "Quorlitex", "the"]
MAIN = "import sys; from tiered_st.cli import main; code = main(sys.argv[1:]); "
MAIN += "assert not {'torch', 'transformers', 'sentence_transformers', 'scipy'} & set(sys.modules); sys.exit(code)"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "toy"
    make_model(TOY.replace(memory_slots=8, memory_width=16)).save(str(folder), create_model_card=False)
    return str(folder)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    (tmp_path / "notes.txt").write_text("\n".join(TEXTS))
    return tmp_path / "notes.txt"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def test_words_are_taught_remembered_and_searched_by(toy, notes, tmp_path, capsys) -> None:
    place, model = tmp_path / "i", ("--model", toy, "--device", "cpu")
    code, out, err = run(capsys, "index", notes, "-o", place, "--learn-words", *model)
    assert (code, out) == (0, "")
    assert err == f"4 texts added to {place}, which holds 4; 5 words taught that the model did not know\n"
    code, out, _ = run(capsys, "search", place, "zyrvxea", "--json", *model)
    expected = json.loads(out)["hits"]
    index = FaissIndex.load(place, make_model(TOY.replace(memory_slots=8, memory_width=16)))
    assert index.learned_words == WORDS
    assert [hit["score"] for hit in expected] == pytest.approx([hit.score for hit in index.search("zyrvxea")], abs=1e-5)
    assert "learned words  5\n" in run(capsys, "info", place)[1]
    (tmp_path / "more.txt").write_text("Mynthera lamp\n")
    code, _, err = run(capsys, "index", "--append", tmp_path / "more.txt", "-o", place, *model)
    assert code == 0 and err.endswith(
        "holds 5; it knows the 5 words that it was built with, and no new ones of these\n"
    )
    assert FaissIndex.load(place, index.model).learned_words == WORDS


def test_without_torch(toy, notes, tmp_path) -> None:
    hits = []
    for command in (
        ("index", notes, "-o", tmp_path / "i", "--learn-words"), ("search", tmp_path / "i", "zyrvxea", "--json"),
    ):  # fmt: skip
        done = run_without_torch(MAIN, *command, "--model", toy)
        assert done.returncode == 0, done.stderr
        hits += json.loads(done.stdout)["hits"] if done.stdout else []
    index = FaissIndex.load(tmp_path / "i", make_model(TOY.replace(memory_slots=8, memory_width=16)))
    assert [hit["score"] for hit in hits] == pytest.approx([hit.score for hit in index.search("zyrvxea")], abs=1e-4)


def test_nothing_new_is_said(toy, tmp_path, capsys) -> None:
    (tmp_path / "numbers.txt").write_text("12 3.5\n!!\n")
    command = ("index", tmp_path / "numbers.txt", "-o", tmp_path / "i", "--learn-words", "--model", toy)
    code, _, err = run(capsys, *command)
    assert code == 0 and err.endswith("which holds 2; none of their words was new to the model\n")
    (tmp_path / "blank.txt").write_text(" \n")
    code, _, err = run(capsys, "index", tmp_path / "blank.txt", "-o", tmp_path / "j", "--learn-words", "--model", toy)
    assert code == 1 and "no text to index" in err and not (tmp_path / "j").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["index", "--append", "t.txt", "-o", "i"], "an index keeps the words that it was built with: build it anew"),
        (
            ["index", "--from", "e", "-o", "i"],
            "--learn-words with --from e: is of an index of texts. Embed with a model",
        ),
        (
            ["embed", "t.txt", "-o", "e"],
            "--learn-words: is of an index of texts. Embed with a model that knows the words",
        ),
    ],
)
def test_what_cannot_learn_says_so(arguments, message, capsys) -> None:
    code, _, err = run(capsys, *arguments, "--learn-words")
    assert code == 2 and message in err


def test_a_model_that_cannot_be_taught_is_one_line(notes, tmp_path, capsys) -> None:
    make_model().save(str(tmp_path / "plain"), create_model_card=False)
    command = ("index", notes, "-o", tmp_path / "i", "--learn-words", "--model", tmp_path / "plain")
    code, out, err = run(capsys, *command)
    assert (
        code == 1
        and out == ""
        and err
        == ("tiered-st: This model cannot be taught words, it has memory_slots=0: no memory that could learn.\n")
    )
    assert not (tmp_path / "i").exists()


def test_a_killed_run_goes_on_with_the_same_words_alone(toy, notes, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(commands, "BLOCK", 2)
    command = ("index", notes, "-o", tmp_path / "i", "--model", toy, "--device", "cpu")

    class Killed(BaseException):
        pass

    call = Embedder.__call__
    calls: list[Any] = []

    def killed(self: Embedder, texts: list[str], *arguments: Any, **options: Any) -> Any:
        calls.append(texts)
        if len(calls) == 2:
            raise Killed
        return call(self, texts, *arguments, **options)

    monkeypatch.setattr(Embedder, "__call__", killed)
    with pytest.raises(Killed):
        main([*map(str, command), "--learn-words"])
    monkeypatch.setattr(Embedder, "__call__", call)
    assert not (tmp_path / "i").exists() and (tmp_path / ".i.unfinished").is_dir()
    capsys.readouterr()
    code, _, err = run(capsys, *command)  # its vectors would not be those of a model that knows no words
    assert code == 1 and "begun with other texts, or by a model that was taught other words" in err
    code, _, err = run(capsys, *command, "--learn-words")
    assert code == 0 and err.startswith("2 texts had been embedded before\n4 texts added")
    index = FaissIndex.load(tmp_path / "i", make_model(TOY.replace(memory_slots=8, memory_width=16)))
    assert index.learned_words == WORDS and len(learned_words(index.model)) == 5
    assert [index.search(text, k=1)[0].score for text in TEXTS] == pytest.approx([1] * 4, abs=1e-5)
