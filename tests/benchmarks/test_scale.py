"""What scale is measured with: texts, vectors, watching, comparing, reckoning, and what is told of the results."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="the benchmarks of scale write parquet")
import pyarrow as pa
from pyarrow import parquet

from benchmarks.report.figures.scale import indexes, memory
from benchmarks.report.markdown import write_between
from benchmarks.report.scale import exponents, reckoned, render_scale, scale_summary
from benchmarks.report.scale_aims import scale_aims
from benchmarks.scale import texts, vectors
from benchmarks.scale.arithmetic import Plan, measured, reckon
from benchmarks.scale.arithmetic import main as arithmetic
from benchmarks.scale.kills import compare
from benchmarks.scale.memory import growth, thinned
from benchmarks.scale.one_run import KINDS, PLAIN, by_ray
from benchmarks.scale.stored import read_scale, write_scale
from benchmarks.scale.watched import DRIVER, WORKER, Watched
from tiered_st.scale import Embeddings

SENTENCES = ["one two three four five", "a b c d", "the cat sat on the mat"]


def test_rows_are_halves_of_sentences_and_depend_on_their_number_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "SHARD", 10)
    rows = [row for _, some in texts.generate(SENTENCES, 25, seed=3) for row in some]
    fewer = [row for _, some in texts.generate(SENTENCES, 12, seed=3) for row in some]
    assert len(rows) == 25 and rows[:12] == fewer
    firsts, lasts = ["one two three", "a b", "the cat sat"], ["four five", "c d", "on the mat"]
    assert set(rows) <= {f"{first} {last}" for first in firsts for last in lasts} and len(set(rows)) > 5
    assert rows != [row for _, some in texts.generate(SENTENCES, 25, seed=4) for row in some]


def test_files_of_rows_stay_and_those_of_others_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "SHARD", 10)
    files = texts.write_texts(tmp_path, SENTENCES, 25, seed=0)
    assert [parquet.read_metadata(path).num_rows for path in files] == [10, 10, 5]
    ids = [id for path in files for id in parquet.read_table(path)["id"].to_pylist()]
    assert ids == [f"row-{number:09d}" for number in range(25)]
    files[1].unlink()
    before = files[0].stat().st_mtime_ns
    assert texts.write_texts(tmp_path, SENTENCES, 25, seed=0) == files and files[0].stat().st_mtime_ns == before
    for rows, seed in ((25, 1), (30, 0)):
        with pytest.raises(ValueError, match="not of these rows: give an empty folder"):
            texts.write_texts(tmp_path, SENTENCES, rows, seed)


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, np.ndarray]:
    """Few vectors and queries of 384 dimensions, in blocks of few."""
    monkeypatch.setattr(vectors, "PART", 20)
    drawn = np.random.default_rng(0).normal(size=(45, 384)).astype(np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn[:40], drawn[40:]


def test_vectors_are_the_base_and_then_moved_ones(base: tuple[np.ndarray, np.ndarray]) -> None:
    known, _ = base
    blocks = list(vectors.around(known, 90, seed=0))
    assert [len(block) for block in blocks] == [20, 20, 20, 20, 10]
    every = np.concatenate(blocks)
    np.testing.assert_array_equal(every[:40], known)
    np.testing.assert_allclose(np.linalg.norm(every, axis=1), 1, atol=1e-6)
    nearest = (every[40:] @ known.T).max(axis=1)
    assert nearest.min() > 0.7 and np.median(nearest) < 0.99  # the two others may be one


def test_a_folder_of_vectors_has_its_truth_beside_it(tmp_path: Path, base: tuple[np.ndarray, np.ndarray]) -> None:
    known, queries = base
    written = vectors.write_vectors(tmp_path / "v", known, queries, 90, "en-nano", 0)
    assert (written.count, written.dtype, written.model_name) == (90, "int8", "en-nano")
    written.verify()
    every = np.concatenate(list(vectors.around(known, 90, seed=0)))
    truth = np.load(tmp_path / "v-truth.npz")
    np.testing.assert_array_equal(truth["rows"], np.argsort(-(queries @ every.T), axis=1)[:, :10])
    manifest = (tmp_path / "v" / "manifest.json").stat().st_mtime_ns
    vectors.write_vectors(tmp_path / "v", known, queries, 90, "en-nano", 0)
    assert (tmp_path / "v" / "manifest.json").stat().st_mtime_ns == manifest
    assert vectors.write_vectors(tmp_path / "v", known, queries, 30, "en-nano", 0).count == 30


def test_a_command_is_found_weighed_and_killed() -> None:
    run = Watched(["timeit", "-n", "1", "-r", "1", "import time; time.sleep(60)"])
    try:
        assert run.processes() == {run.process.pid: DRIVER}
        assert run.memory()[DRIVER] > 1 and run.memory()[WORKER] == 0
        assert not run.kill(WORKER) and run.kill(DRIVER)
        assert run.process.wait(timeout=10) < 0
    finally:
        run.reap()
    assert run.processes() == {} and not run.kill()


def test_what_a_command_says_comes_back_and_its_failure_too() -> None:
    assert "Namespaces are one honking great idea" in Watched(["this"]).wait()
    with pytest.raises(RuntimeError, match=r"status 1.*No module named no_such_module"):
        Watched(["no_such_module"]).wait()


def test_a_plain_loop_gives_the_vectors_of_embed(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    table = pa.table({"id": ["a", "b", "c"], "text": SENTENCES})
    parquet.write_table(table, tmp_path / "texts" / "t.parquet")
    for kind in (PLAIN, "one process"):
        KINDS[kind](str(tmp_path / "texts"), str(tmp_path / kind), "en-nano")
    (block,) = Embeddings(tmp_path / "one process").blocks()
    (plain,) = (tmp_path / PLAIN).glob("*.parquet")
    found = np.array(parquet.read_table(plain)["vector"].to_pylist())
    np.testing.assert_allclose(found / np.linalg.norm(found, axis=1, keepdims=True), block.vectors, atol=1e-6)
    with pytest.raises(ValueError, match="3 workers are none"):
        by_ray(3)


@dataclasses.dataclass
class Rows:
    """What `compare` reads of a folder of embeddings."""

    ids: list[str]
    values: list[float]

    @property
    def count(self) -> int:
        return len(self.ids)

    def blocks(self) -> Any:
        yield self
        yield Rows([], [])

    @property
    def vectors(self) -> np.ndarray:
        return np.array(self.values, dtype=np.float32)[:, None]


def test_lost_doubled_and_differing_rows_are_counted() -> None:
    expected: Any = Rows(list("abcd"), [1, 2, 3, 4])
    same: Any = Rows(list("dcba"), [4, 3, 2, 1])
    assert compare(expected, same) == {"compared": 4, "lost": 0, "doubled": 0, "differing": 0}
    other: Any = Rows(list("abbx"), [1, 2, 9, 4])  # c and d lost, b doubled and another, x not of the run
    assert compare(expected, other) == {"compared": 4, "lost": 2, "doubled": 1, "differing": 2}


def samples(rise: float) -> list[dict[str, float]]:
    found = [{"seconds": 0.0, "rows": 0, "driver": 50.0, "worker": 0.0, "ray": 1.0}]
    for rows in (50_000, 100_000, 500_000, 1_000_000):
        grown = rise * rows / 1e6
        found.append({"seconds": rows / 1e3, "rows": rows, "driver": 200.0, "worker": 300.0 + grown, "ray": 500.0})
    return [*found, {"seconds": 2e3, "rows": 1_000_000, "driver": 900.0, "worker": 0.0, "ray": 0.0}]


def test_memory_counts_from_the_first_rows_on_while_there_are_workers() -> None:
    assert growth(samples(100), WORKER) == pytest.approx(90) and growth(samples(100), DRIVER) == 0
    assert np.isnan(growth(samples(0)[:2], WORKER))
    assert [sample["rows"] for sample in thinned(samples(0), most=2)] == [0, 500_000, 1_000_000]


def cell(kind: str, count: int, seconds: float, recall: float) -> dict[str, Any]:
    files = {"vectors.bin": 388 * count, "lists.ivfdata": 56 * count}
    made = {"seconds": seconds, "memory": 500.0, "files": files, "config": {"code_bytes": 48}}
    asked = {"median_ms": 2.0, "p95_ms": 3.0, "recall": recall, "recall_before": 0.5, "memory": 800.0}
    return {"kind": kind, "count": count, "build": made, "search": asked | {"anonymous": 100.0, "cosines": [0.9, 0.8]}}


def stored(folder: Path) -> dict[str, dict[str, Any]]:
    """Write results of every command, as large as the aims ask, and return them as they are read."""
    seconds = {PLAIN: 200.0, "one process": 200.0, by_ray(1): 210.0, by_ray(2): 105.0}
    timed = {kind: {"all": [each] * 3, "work": [each] * 3} for kind, each in seconds.items()}
    write_scale(folder, "throughput", {"rows": 210_000, "rounds": 3, "model": "en-nano", "seconds": timed}, seed=0)
    weighed = {"rows": 1_000_000, "workers": 2, "model": "en-nano", "samples": samples(200)}
    write_scale(folder, "memory", weighed, seed=0)
    killed = {"compared": 100, "lost": 0, "doubled": 0, "differing": 1, "killed": 30, "runs": 1, "rows": 100}
    kills = [{"what": "driver", "seconds": 1.0}] * 30
    write_scale(folder, "kills", killed | {"workers": 2, "model": "en-nano", "kills": kills}, seed=0)
    cells = [cell("ivf_pq", 100_000, 10.0, 0.8), cell("ivf_pq", 10_000_000, 1000.0, 0.91), cell("flat", 1000, 1, 1.0)]
    head = {"model": "en-nano", "dimension": 384, "base": 10, "moved": [0.1, 0.5], "queries": 300}
    write_scale(folder, "index", head | {"cells": cells}, seed=0)
    return read_scale(folder)


def rows_of(table: str) -> dict[str, list[str]]:
    lines = [[part.strip() for part in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    return {line[0]: line[1:] for line in lines}


def test_aims_are_met_missed_or_not_measured(tmp_path: Path) -> None:
    rows = rows_of(scale_aims(stored(tmp_path)))
    assert rows["two workers against one"] == ["≥ 1.8×", "**2.00×**"]
    assert rows["Ray, one worker, against the plain loop, 200,000 rows"][1] == "**+5 %**"
    assert rows["memory of the driver from 100,000 to 1,000,000 rows"][1] == "**+0 MB**"
    assert rows["memory of the worker from 100,000 to 1,000,000 rows"][1] == "+180 MB"
    assert rows["rows lost, doubled or differing after 30 kills"] == ["0", "1"]
    assert rows["… recall@10 after re-ranking"][1] == "**0.910**"
    assert rows["`ivf_pq`, 10 M vectors: memory of a search"] == ["≤ 1,000 MB", "**800 MB**"]
    assert {row[1] for what, row in rows_of(scale_aims({})).items() if what not in ("what", "-" * 3)} >= {"–"}
    few = stored(tmp_path)
    few["throughput"]["rows"] = few["kills"]["killed"] = 20
    assert rows_of(scale_aims(few))["Ray, one worker, against the plain loop, 200,000 rows"][1] == "–"
    assert rows_of(scale_aims(few))["rows lost, doubled or differing after 30 kills"][1] == "–"


def test_tables_and_figures_are_of_what_is_stored(tmp_path: Path) -> None:
    found = stored(tmp_path)
    assert exponents(found["index"]["cells"]) == [["ivf_pq", "1.00", "0.00", "1.00", "0.00", "0.00"]]
    page = render_scale(found)
    assert rows_of(page)["plain loop"][0] == "1,050" and "driver 30" in page and "seed 0" in page
    assert "rows/s, en-nano, 210,000 rows of 9 words | plain loop 1,050" in scale_summary(found)
    assert "recall@10 0.91, 2.0 ms a query, 800 MB" in scale_summary(found)
    assert render_scale({}) == "" and memory({}) is None and indexes({}) is None
    assert memory(found) is not None and indexes(found) is not None


def test_pages_have_the_places_for_what_is_measured(tmp_path: Path) -> None:
    root, found = Path(texts.__file__).parents[2], stored(tmp_path)
    written = {
        "README.md": {"scale": scale_summary(found)},
        "benchmarks/RESULTS.md": {"scale aims": scale_aims(found), "scale": render_scale(found)},
        "benchmarks/SCALE.md": {"arithmetic": reckoned(found)},
    }
    for name, parts in written.items():
        page = tmp_path / Path(name).name
        page.write_bytes((root / name).read_bytes())
        for mark, text in parts.items():
            write_between(page, mark, text)
            assert text.strip() in page.read_text(encoding="utf-8")
    assert reckoned({}).startswith("Rows per second of one worker and of two are not measured")


def test_the_arithmetic_follows_its_formulas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = measured(stored(tmp_path))
    assert (known.per_core, known.kept) == (1000.0, 1.0)
    rows = {what: result for what, _, result in reckon(Plan(3.6e9, 10, 2, 5.0, 50), known)}
    assert rows["rows/s of a machine"] == "10,000" and rows["hours"] == "50.0" and rows["machine-hours"] == "100.0"
    assert rows["price per million"] == "0.1389" and rows["price"] == "500.00"
    assert rows["parts in int8"] == "1.58 TB" and rows["parts in float32"] == "5.71 TB"
    assert rows["index on disk"] == "1.60 TB" and rows["shards of 10,000,000"] == "360"
    assert rows["machine-hours to build"] == "100.0" and rows["ms of a query, one thread"] == "720"
    assert "price" not in {what for what, _, _ in reckon(Plan(1e6, 1, 1, None, 50), known)}
    assert arithmetic(["--rows", "1e8", "--cores", "4", "--out", str(tmp_path)]) == 0
    assert "100,000,000 texts, machines: 1, of 4 cores each" in capsys.readouterr().out
    assert arithmetic(["--cores", "4", "--out", str(tmp_path / "none")]) == 2
    assert "run python -m benchmarks.scale.throughput" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        arithmetic(["--cores", "0"])
