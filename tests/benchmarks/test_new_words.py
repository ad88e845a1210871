"""Suite `new_words`: names, misspellings of them, and models that are taught the names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.peers import resolve
from benchmarks.suite import Condition
from benchmarks.suites.new_words import FREQUENT, NewWords, invented, load


def test_invented_names_are_the_same_every_time_and_no_known_word() -> None:
    names = invented(50, set())
    assert names == invented(50, set()) and len(set(names)) == 50
    assert all(name.istitle() and name.isalpha() and 6 <= len(name) <= 12 for name in names)
    assert not {name.lower() for name in invented(50, {names[0].lower()})} & {names[0].lower()}


def test_rare_words_are_those_behind_the_frequent_ones(tmp_path: Path) -> None:
    frequent = [f"f{i}" for i in range(FREQUENT)]
    rare = ["abcdefg", "bcdefgh", "short", "with space", "cdefghi"]
    table = pa.table({"word": rare + frequent, "count": [3, 2, 2, 2, 1] + [9] * FREQUENT})
    pq.write_table(table, tmp_path / "lex_word_freq_en.parquet")
    assert sorted(load(tmp_path).sets["rare"]) == ["abcdefg", "bcdefgh", "cdefghi"]


def test_a_set_without_names_is_refused() -> None:
    with pytest.raises(ValueError, match="the set 'rare' holds no name"):
        NewWords({"rare": []})


def test_a_taught_model_finds_names_that_it_did_not_know() -> None:
    task = NewWords({"invented": invented(200, set())})
    condition = Condition("invented 20 %", 0)
    plain, taught = (task.score(resolve(name), condition) for name in ("en-nano", "en-nano+taught"))
    assert plain + 5 < taught <= 100
    assert resolve("en-nano+taught").revision == resolve("en-nano").revision  # it is kept apart by its name
    assert task.checksum(condition) != task.checksum(Condition("invented 20 %", 1))
    assert np.isfinite(plain)
