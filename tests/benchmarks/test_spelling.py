"""What reading words a second time costs is measured on the same model with and without it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tiered_st
from benchmarks import spelling
from tiered_st.runtime import load


def test_a_table_of_ratios_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(spelling, "ROUNDS", 1)
    rows = {"s1": ["wher is my parcl", "refnud plaese"], "s2": ["where is my parcel", "refund please"]}
    pq.write_table(pa.table(rows), tmp_path / "dev_quora_dup.parquet")
    assert spelling.main(["en-nano", "--data", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "4 questions, median of 1 rounds" in out
    assert re.search(r"\| en-nano \|( +\d+\.\d\d +\|){4} -?\d+\.\d\d s +\|", out)


def test_the_ways_differ_in_misspelt_words_alone(tmp_path: Path) -> None:
    plain, listed, whole = (load(place) for place in spelling.ways("en-nano", tmp_path))
    right, alone, sentence = ["where is my parcel"], ["entrence"], ["the entrence of the house is locked"]
    shipped = load("en-nano")
    for model in (plain, listed, whole):
        np.testing.assert_array_equal(model.encode(right), shipped.encode(right))
    assert np.abs(listed.encode(alone) - plain.encode(alone)).max() > 0.01
    assert np.abs(whole.encode(sentence) - listed.encode(sentence)).max() > 0.001
    np.testing.assert_array_equal(whole.encode(sentence), shipped.encode(sentence))


def test_a_model_without_a_list_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(pa.table({"s1": ["a"], "s2": ["b"]}), tmp_path / "dev_quora_dup.parquet")
    plain = tiered_st.load(spelling.ways("en-nano", tmp_path)[0], device="cpu")
    monkeypatch.setattr(spelling.tiered_st, "load", lambda name, device: plain)
    assert spelling.main(["en-nano", "--data", str(tmp_path)]) == 2
    assert "en-nano has no list of spellings that it reads in context" in capsys.readouterr().err
