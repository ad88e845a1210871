"""The report card of E1: words are misspelt alike for every model, and a place says whether one was recognised."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import TOY, make_model

from benchmarks import recognition
from benchmarks.recognition import corrected, first_and_near, shares, tasks_of

WORDS = ["receive", "entrance", "guitar", "parcel", "refund", "garden", "winter", "kitchen"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    tables = {
        "lex_word_freq_en": {"word": [*WORDS[::-1], "don't", "é"], "count": [*range(1, 9), 99, 99]},
        "dev_misspellings": {
            "misspelt": ["recieve", "entrence", "machine"], "correct": ["receive", "entrance", "kitchen"],
            "human_list": [True, True, False],
        },
        "dev_jfleg": {"source": ["he go"], "corrections": [["he goes"]]},
    }  # fmt: skip
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    return tmp_path


def test_words_are_misspelt_until_they_are_no_word_and_always_alike(data: Path) -> None:
    tasks = tasks_of(data, dictionary=6, sample=4)
    assert list(tasks) == [*recognition.NOISES, "people's"]
    for name in recognition.NOISES:
        typed, words, right = tasks[name]
        assert words == WORDS[:6] and len(typed) == len(right) == 4
        assert all(each not in words and len(places) == 1 for each, places in zip(typed, right, strict=True))
    assert tasks["people's"] == (["recieve", "entrence"], ["receive", "entrance"], [{0}, {1}])
    assert tasks == tasks_of(data, dictionary=6, sample=4)


def test_the_first_and_the_first_five_are_counted() -> None:
    scores = np.tile(np.arange(7, 0, -1, dtype=np.float32), (3, 1))
    assert first_and_near(scores, [{0}, {4, 6}, {5}]) == (1, 2)


def test_what_is_spelt_rightly_is_always_recognised() -> None:
    tiers = make_model(TOY.replace(memory_slots=50, memory_width=24, memory_values=8))[0]
    right = [{i} for i in range(len(WORDS))]
    found = shares(tiers, (WORDS, WORDS, right))
    assert found["reading"] == found["reading, among five"] == found["chunk vector"] == 100
    assert "own reading" not in found
    assert shares(tiers, (["two words", *WORDS], WORDS, [{1}, *right])) == found  # what is no one chunk does not count


def test_symspell_is_asked_the_same() -> None:
    pytest.importorskip("symspellpy")
    assert corrected((["recieve", "zzzzzz"], WORDS, [{0}, {1}])) == 50


def test_the_command_prints_a_table(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("symspellpy")
    assert recognition.main(["en-nano", "--data", str(data)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"\| en-nano: reading +\| 100\.0 +\| [\d.]+ +\| [\d.]+ +\| 100\.0", out), out
    assert re.search(r"\| en-nano: own reading, among five +\| 100\.0", out) and "| SymSpell" in out
    assert recognition.main(["en-nano", "--data", str(data / "none")]) == 2
    assert "not a folder" in capsys.readouterr().err
