"""Translate training texts by Apertium: here by a stand-in on the PATH, which upper-cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from training import machine_translation
from training.machine_translation import main, translate
from training.read_table import read_table
from training.sources import Source


@pytest.fixture
def apertium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a stand-in for Apertium first on the PATH; it knows the pair eng-spa alone, and counts its calls."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    script = bin_ / "apertium"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n'
        '[ "$5" = eng-spa ] || [ "$5" = spa-eng ] || { echo "Error: Mode $5 does not exist" >&2; exit 1; }\n'
        "tr a-z A-Z\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_}:/usr/bin:/bin")
    return script


def test_each_text_is_translated_once_and_keeps_its_place(apertium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several parts at once come back in order; what Apertium reserves, and line breaks, shift none of those after."""
    monkeypatch.setattr(machine_translation, "_PART", 3)
    texts = ["two\nlines", "  spaced   out ", "", "one", "one", "\ud800 lone", r"a [b] ^c$ \\ {d}@", "end."]
    texts += [f"text {i}" for i in range(9)]
    found = translate(texts, "eng-spa")
    assert list(found) == list(dict.fromkeys(texts))
    assert found["two\nlines"] == "TWO LINES"
    assert found["  spaced   out "] == "SPACED OUT"
    assert found[""] == ""
    assert found["\ud800 lone"] == "? LONE"
    assert found[r"a [b] ^c$ \\ {d}@"] == r"A [B] ^C$ \\ {D}@"
    assert found["end."] == "END."
    assert [found[f"text {i}"] for i in range(9)] == [f"TEXT {i}" for i in range(9)]


def test_an_unknown_pair_says_what_apertium_said(apertium: Path) -> None:
    with pytest.raises(ValueError, match=r"by eng-xxx: Error: Mode eng-xxx does not exist.*apertium -l"):
        translate(["one"], "eng-xxx")


def test_what_comes_back_mixed_up_stays_as_it_is(apertium: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A text that is lost does not give its place to the next."""
    apertium.write_text("#!/bin/sh\ntr a-z A-Z | sed 's/.0.TWO/mixed/'\n")
    assert translate(["two", "three", "four"], "eng-spa") == {"two": "two", "three": "THREE", "four": "FOUR"}
    assert "1 texts came back mixed up, and stay as they are; the first: 'two'" in caplog.text


def test_without_apertium_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="apt-get install apertium-eng-spa"):
        translate(["one"], "eng-spa")


def test_the_command_writes_its_tables_and_keeps_those_there_are(
    apertium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    (data / "asked.jsonl").write_text('{"q": "who is it", "p": "it is me"}\n{"q": "why", "p": "it is me"}\n')
    monkeypatch.setattr(machine_translation, "TRANSLATED_PASSAGES", (Source("asked", ("p",)),))
    monkeypatch.setattr(machine_translation, "TRANSLATED_ARTICLES", (Source("asked", ("p",)),))
    monkeypatch.setattr(machine_translation, "TRANSLATED_QUESTIONS", (Source("asked", ("q",)),))
    monkeypatch.setattr(machine_translation, "TRANSLATED_SEARCHES", (Source("asked", ("q", "p")),))
    command = ["eng-spa", "--data", str(data), "--out", str(out)]
    assert main(command) == 0
    assert read_table(out / "translated_eng-spa_passages.parquet") == {
        "text": ["it is me"],
        "translation": ["IT IS ME"],
    }
    assert read_table(out / "translated_eng-spa_searches.parquet") == {
        "question": ["who is it", "why"],
        "passage": ["it is me", "it is me"],
        "question_translation": ["WHO IS IT", "WHY"],
        "passage_translation": ["IT IS ME", "IT IS ME"],
    }
    calls = (tmp_path / "calls").read_text()
    assert len(calls.splitlines()) == 2  # all that searches have had been translated
    (out / "translated_eng-spa_questions.parquet").unlink()
    assert main(command) == 0
    assert "passages.parquet is there already" in capsys.readouterr().out
    assert len((tmp_path / "calls").read_text().splitlines()) == len(calls.splitlines()) + 1
    assert read_table(out / "translated_eng-spa_questions.parquet")["translation"] == ["WHO IS IT", "WHY"]


def test_the_other_way_texts_are_translated_as_they_were_written(
    apertium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "said.jsonl").write_text('{"t": "hola"}\n{"t": "adios"}\n{"t": "hola"}\n')
    monkeypatch.setattr(machine_translation, "TRANSLATED_BACK", (Source("said", ("t",)),))
    assert main(["spa-eng", "--data", str(tmp_path)]) == 0
    written = {path.name: read_table(path) for path in tmp_path.glob("translated*")}
    assert written == {
        "translated_spa-eng_texts.parquet": {"text": ["hola", "adios"], "translation": ["HOLA", "ADIOS"]}
    }
    assert main(["deu-eng", "--data", str(tmp_path)]) == 2
    assert "there are lists of texts in eng and spa alone, not in deu" in capsys.readouterr().err


def test_a_pair_that_fails_leaves_no_table(apertium: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eng-xxx", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert not list((tmp_path / "out").iterdir())
    assert "error: " in capsys.readouterr().err
