"""What a suite costs: texts counted, not models timed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import cost
from benchmarks.cost import Counter, count
from benchmarks.suite import Suite
from benchmarks.suites.typo import TypoSts


def test_each_distinct_text_of_a_call_counts_once() -> None:
    task = TypoSts(["one two", "three"], ["one two", "four five six"], [1.0, 2.0])
    suite = Suite("typo", "", ("clean",), lambda data: task)
    first, second = (count(suite, Path(), seeds)[0] for seeds in (1, 2))
    assert 3 + 4 <= first <= 3 + 4 * 4 and first < second <= first + 4 * 4  # clean ones once, then four rates
    counter = Counter()
    counter.max_seq_length = 2
    assert counter.encode(["a b c", ""]).shape == (2, cost.DIMENSION) and (counter.texts, counter.words) == (2, 2)
    assert np.isfinite(counter.encode(["a"])).all()


def test_missing_data_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cost.main(["--data", str(tmp_path / "nowhere"), "--suite", "typo"]) == 2
    assert "is not a folder" in capsys.readouterr().err
