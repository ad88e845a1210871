"""What reading words a second time costs is measured on the same model with and without it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

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
    assert re.search(r"\| en-nano \| +\d+\.\d\d +\| +\d+\.\d\d +\| -?\d+\.\d\d s +\|", out)


def test_it_is_the_same_model_but_for_misspelt_words(tmp_path: Path) -> None:
    with_list, without = load("en-nano"), load(spelling.without_spelling("en-nano", tmp_path))
    right, wrong = ["where is my parcel"], ["entrence"]
    np.testing.assert_array_equal(with_list.encode(right), without.encode(right))
    assert np.abs(with_list.encode(wrong) - without.encode(wrong)).max() > 0.01


def test_a_model_without_a_list_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(pa.table({"s1": ["a"], "s2": ["b"]}), tmp_path / "dev_quora_dup.parquet")
    plain = spelling.without_spelling("en-nano", tmp_path)
    monkeypatch.setattr(spelling.tiered_st, "path", lambda name: plain)
    assert spelling.main(["en-nano", "--data", str(tmp_path)]) == 2
    assert "en-nano has no list of spellings" in capsys.readouterr().err
