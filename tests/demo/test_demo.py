"""The demo, its source of texts, and the layout it shares with the command line."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

import tiered_st
from tiered_st import demo
from tiered_st.cli.console import clip, one_line, pad, paint, use_colour, width_of
from tiered_st.demo import spanish
from tiered_st.demo.docstrings import MIN_WORDS, file_docstrings, stdlib_docstrings
from tiered_st.demo.subject import SUBJECTS
from tiered_st.model import DEFAULT_MODEL


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "toy"
    tiered_st.build("toy", device="cpu").save(str(folder))
    return str(folder)


def test_the_standard_library_holds_thousands_of_public_docstrings() -> None:
    imported = set(sys.modules)
    rows = list(stdlib_docstrings())
    new = set(sys.modules) - imported
    assert all(name.startswith("encodings.") for name in new)  # parsed (a codec at a time), not imported
    found = dict(rows)
    assert len(rows) == len(found) == len(set(found.values())) > 3000
    assert found["shutil.rmtree"] == "Recursively delete a directory tree."
    assert found["json.dumps"].startswith("Serialize ``obj`` to a JSON formatted")
    assert all(len(text.split()) >= MIN_WORDS and "\n" not in text for text in found.values())
    assert not [id for id in found if any(part[0] == "_" or part == "test" for part in id.split("."))]


def test_docstrings_of_one_file(tmp_path: Path) -> None:
    source = '''
"""What the module is for.

More of it."""
class Public:
    """Hold  some
    things together."""
    def method(self):
        """Do one thing.   \t

        And how."""
        def inner():
            """Cannot be called from outside."""
    def _private(self):
        """Nobody should find this."""
async def coroutine():
    """Wait for the thing."""
def terse():
    """Too short."""
'''
    path = tmp_path / "thing.py"
    path.write_text(source)
    assert list(file_docstrings(path, "thing")) == [
        ("thing", "What the module is for."),
        ("thing.Public", "Hold some things together."),
        ("thing.Public.method", "Do one thing."),
        ("thing.coroutine", "Wait for the thing."),
    ]
    path.write_text("def broken(:")
    assert list(file_docstrings(path, "thing")) == []


def test_the_demo_runs_and_its_index_is_kept(toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("faiss")
    arguments = ["--model", toy, "--device", "cpu", "--index", str(tmp_path / "idx"), "--limit", "50"]
    assert demo.main(arguments) == 0
    first = capsys.readouterr().out
    assert "Indexing 50 docstrings" in first and "\033[" not in first
    for misspelt, correct in demo.QUESTIONS:
        line = next(line for line in first.splitlines() if line.startswith(misspelt[:30]))
        assert correct[:30] in line.split("│")[1]
    assert first.count("│") == len(demo.QUESTIONS) * (1 + demo.TOP)
    assert f"of the {len(demo.QUESTIONS) * demo.TOP} texts" in first
    assert demo.main(arguments) == 0
    second = capsys.readouterr().out
    assert "50 docstrings, indexed before" in second and second.splitlines()[1:] == first.splitlines()[2:]


def test_the_demo_speaks_spanish(toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("faiss")
    arguments = ["--lang", "es", "--model", toy, "--device", "cpu", "--index", str(tmp_path / "idx")]
    assert demo.main(arguments) == 0
    said = capsys.readouterr().out
    assert f"Indexing {len(spanish.TEXTS)} Spanish texts of a shop's help pages" in said
    for typed, correct in spanish.QUESTIONS:
        line = next(line for line in said.splitlines() if line.startswith(typed[:30]))
        assert correct[:24] in line.split("│")[1]
    assert f"of the {len(spanish.QUESTIONS) * demo.TOP} texts" in said
    assert demo.main(arguments) == 0
    assert f"{len(spanish.TEXTS)} Spanish texts, indexed before" in capsys.readouterr().out


def test_spanish_is_read_by_the_model_that_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(name: str, device: str | None = None) -> None:
        asked.append(name)
        raise ValueError("not here")

    monkeypatch.setattr(demo, "load", refuse)
    assert [demo.main(arguments) for arguments in ([], ["--lang", "es"], ["--lang", "es", "--model", "mine"])] == [
        1
    ] * 3
    assert asked == [DEFAULT_MODEL, "en-es", "mine"]


def test_an_index_is_kept_under_what_it_is_of(tmp_path: Path) -> None:
    names = {subject.name for subject in SUBJECTS.values()}
    assert len(names) == len(SUBJECTS)
    assert len(set(spanish.TEXTS.values())) == len(spanish.TEXTS) >= 30
    # As people type: hardly an accent, no opening marks; spelt correctly there are both.
    assert not any(char in "áéíóú¿¡" for typed, _ in spanish.QUESTIONS for char in typed)
    assert sum(any(char in "áéíóú¿" for char in correct) for _, correct in spanish.QUESTIONS) >= 8


def test_another_models_index_is_built_again(toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("faiss")
    tiered_st.build("toy", device="cpu").save(str(tmp_path / "other"))
    arguments = ["--index", str(tmp_path / "idx"), "--limit", "9", "--device", "cpu"]
    assert demo.main(["--model", toy, *arguments]) == 0
    assert demo.main(["--model", str(tmp_path / "other"), *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("Indexing 9") == 2 and "Building the index again" in captured.err


def test_the_demo_fails_in_one_line(toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(["--model", "no/such/model"]) == 1
    (tmp_path / "precious.txt").touch()
    assert demo.main(["--model", toy, "--index", str(tmp_path), "--limit", "3"]) == 1
    assert "neither a shipped model" in capsys.readouterr().err
    assert (tmp_path / "precious.txt").exists()


def test_questions_differ_in_spelling_only() -> None:
    for misspelt, correct in demo.QUESTIONS:
        assert misspelt != correct
        letters, others = "".join(misspelt.split()), "".join(correct.split())
        assert abs(len(letters) - len(others)) <= 6


def test_clipping_counts_columns() -> None:
    assert clip("short", 5) == "short"
    assert clip("a little longer", 8) == "a littl…"
    assert clip("機械学習です", 7) == "機械学…" and width_of("機械学…") == 7
    assert clip("anything", 0) == ""
    assert pad("cafe\u0301", 6) == "cafe\u0301  " and width_of("cafe\u0301") == 4


def test_texts_cannot_steer_the_terminal() -> None:
    assert one_line("a\n\tb\x1b[2J\x07\u202ec\ud800") == "a b[2Jc"


def test_colour_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert use_colour(Terminal()) and not use_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not use_colour(Terminal())
    assert paint("x", "green", on=True) == "\033[32mx\033[0m" and paint("x", "green", on=False) == "x"
