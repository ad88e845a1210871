"""Questions made of passages: what is taken out as the answer is asked for, and nothing of it is told."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from training import made_questions
from training.made_questions import Asked, main, question, questions
from training.question_words import ENGLISH, SPANISH
from training.read_table import read_table
from training.sources import Source
from training.write_table import write_table

PASSAGE = (
    "The old bridge was completed in 1932. It was designed by Ralph Modjeski for the city of Portland. "
    "The cathedral has 42 windows made of coloured glass. And so on."
)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The old stone bridge was completed in 1932.", "When was the old stone bridge completed?"),
        ("The cathedral has 42 windows of stained glass.", "How many windows has the cathedral of stained glass?"),
        ("Marie Curie discovered two elements with her husband.", "Who discovered two elements with her husband?"),
        ("The old tower of a church collapsed because nobody cared.", "Why did the old tower of a church collapsed?"),
        ("No verb here at all, just Ralph Modjeski and 42 of his friends", None),
        ("Too short in 1932.", None),
    ],
)  # fmt: skip
def test_an_answer_is_asked_for_by_its_word(sentence: str, expected: str | None) -> None:
    made = {question(sentence, "", ENGLISH, Random(seed)) for seed in range(60)}
    assert expected in made
    for text in made - {None}:
        assert text is not None and text.endswith("?") and " 1932" not in text.removesuffix("?")[-6:]


def test_a_pronoun_is_the_title() -> None:
    made = {
        question("It was designed by an engineer in 1932.", "Hawthorne Bridge", ENGLISH, Random(n)) for n in range(60)
    }
    assert "When was Hawthorne Bridge designed by an engineer?" in made


def test_a_spanish_question_opens_with_its_mark_and_keeps_its_order() -> None:
    made = {question("El viejo puente fue terminado en 1932.", "", SPANISH, Random(n)) for n in range(60)}
    assert "¿Cuándo el viejo puente fue terminado?" in made


def test_each_sentence_is_asked_about_once_and_the_same_each_time() -> None:
    made = list(questions(PASSAGE, "Portland", ENGLISH, Random(3), 9))
    assert 1 < len(made) <= 3 and len(set(made)) == len(made)
    assert made == list(questions(PASSAGE, "Portland", ENGLISH, Random(3), 9))
    assert list(questions(PASSAGE, "Portland", ENGLISH, Random(3), 1)) == made[:1]
    assert list(questions("", "", ENGLISH, Random(0), 2)) == []
    assert list(questions("\ud800 🙂", "", ENGLISH, Random(0), 2)) == []


def test_headings_are_asked_about_by_nobody() -> None:
    joined = "The club was founded by miners in 1901 ## Grounds The club was given a field."
    for seed in range(40):
        made = question(joined, "", ENGLISH, Random(seed))
        assert made is None or "Grounds" not in made


def test_a_command_writes_the_table_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = Source("docs", ("text",), words=60, lengths=(5, 60), where=(("title", "!Left out"),))
    monkeypatch.setitem(made_questions.ASKED, "english", Asked(ENGLISH, (source,)))
    write_table(
        tmp_path / "docs.parquet", {"title": ["Portland (Oregon)", "Left out"], "text": [PASSAGE, PASSAGE + " x"]}
    )
    assert main(["english", "--data", str(tmp_path), "--count", "3"]) == 0
    written = read_table(tmp_path / "asked_english.parquet")
    assert set(written["passage"]) == {PASSAGE} and len(written["question"]) > 1
    assert written == made_questions.table(made_questions.ASKED["english"], tmp_path, 3)
    assert any("Portland" in text for text in written["question"]) and not any(
        "(" in text for text in written["question"]
    )
    assert main(["english", "--data", str(tmp_path)]) == 0
    assert "is there already" in capsys.readouterr().out


def test_what_cannot_be_done_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["english", "--data", str(tmp_path)]) == 2
    assert "docs_wikipedia_en.parquet does not exist" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["english", "--data", str(tmp_path), "--count", "0"])
    assert not list(tmp_path.iterdir())
