"""What a run reads: in a fixed order, each file once, and nothing of what it writes."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from tiered_st.records.rows import InputError
from tiered_st.scale.sources import find_sources
from tiered_st.scale.units import Unit, block_of, cut, part_name


def found(given: Any, target: str = "/nowhere", format: str | None = None) -> list[str]:
    return [source["path"] for source in find_sources(given, target=target, format=format)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "in"
    for name in (
        "b.jsonl.gz",
        "a.csv",
        "sub/c.txt",
        "sub/d.parquet",
        "README.md",
        ".hidden.txt",
        "_SUCCESS",
        "_x/e.txt",
    ):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("x")
    monkeypatch.chdir(tmp_path)
    return Path("in")


def test_a_folder_gives_its_texts_by_name_and_says_what_it_leaves_out(folder: Path, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING):
        assert found(folder) == ["in/a.csv", "in/b.jsonl.gz", "in/sub/c.txt", "in/sub/d.parquet"]
    assert "1 left out, whose suffix is none of texts (first: README.md)" in caplog.text
    assert found(folder, format="text")[0] == "in/README.md"


def test_patterns_lists_and_names_that_look_like_patterns(folder: Path) -> None:
    assert found("in/*.csv") == ["in/a.csv"]
    assert found("in/**/[cd].*") == ["in/sub/c.txt", "in/sub/d.parquet"]
    assert found(["in/sub/c.txt", Path("in/a.csv")]) == ["in/sub/c.txt", "in/a.csv"]
    Path("in/[1].txt").write_text("x")
    assert found("in/[1].txt") == ["in/[1].txt"]
    source = find_sources("in/a.csv", target="/nowhere", format=None)[0]
    assert (source["bytes"], source["format"]) == (1, "csv")
    assert source["modified"] == os.stat("in/a.csv").st_mtime_ns


def test_what_a_run_writes_is_no_source(folder: Path) -> None:
    (folder / "out" / "parts").mkdir(parents=True)
    (folder / "out" / "parts" / "part-000000-00000000.parquet").write_text("x")
    (folder / "output.txt").write_text("x")
    names = found("in", target=os.path.abspath("in/out"))
    assert "in/output.txt" in names and not any("parts" in name for name in names)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nothing.txt", "nothing.txt: no such file or folder"),
        ("in/*.xml", r"in/\*.xml: no file of texts is there"),
        (["in/a.csv", "in/../in/a.csv"], r"in/\.\./in/a\.csv: is given twice"),
        (["in", "in/*.csv"], "in/a.csv: is given twice"),
        ([], "no source was given"),
        ("nosuch://x/y", "nosuch"),
        ("hub:a:b:c:d", "a dataset is named as"),
    ],
)
def test_what_is_not_there_or_twice_is_refused(given: Any, message: str, folder: Path) -> None:
    with pytest.raises(InputError, match=message):
        found(given)


def test_units_have_every_block_once_whatever_the_size() -> None:
    sources = [
        {"path": "a", "format": "parquet", "rows": 41},
        {"path": "b", "format": "jsonl", "bytes": 100 << 20},
        {"path": "c", "format": "parquet", "rows": 0},
        {"path": "d", "format": "text", "bytes": 1 << 40},
        {"path": "e", "format": "hub"},
    ]
    units = list(cut(sources, 4, "0123abcd"))
    rows = [unit for unit in units if unit.number == 0]
    assert [(unit.start, unit.stop) for unit in rows] == [(0, 4), (4, 8), (8, 11)]
    lanes = [unit for unit in units if unit.number == 1]
    assert len(lanes) == 25 and all(sum(lane.has(block) for lane in lanes) == 1 for block in range(1000))
    assert [sum(unit.number == number for unit in units) for number in (2, 3, 4)] == [0, 32, 1]
    assert len({unit.name for unit in units}) == len(units)
    assert units == [Unit.from_dict(unit.to_dict()) for unit in units]
    assert block_of(part_name(3, 17, "0123abcd").rpartition("/")[2]) == (3, 17, "0123abcd")
    assert block_of("part-3-17.parquet") is None
