"""The figures: drawn from stored results alone, alike every time, and what they compute on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main as everything
from benchmarks.report.__main__ import main as report
from benchmarks.report.aim_tables import TABLES
from benchmarks.report.figures import draw_all
from benchmarks.report.figures.frontier import undominated
from benchmarks.report.figures.operators import operators, shared_metrics
from benchmarks.report.figures.robustness import curve, robustness
from benchmarks.report.figures.style import OURS, looks, spread_out
from benchmarks.report.markdown import marks
from benchmarks.store import Result, write
from benchmarks.suite import Condition

MADE = {"date": "2026-01-01T00:00", "commit": "c", "command": "python", "versions": {"torch": "2"}}


def result(model: str, scores: dict[str, list[float]], suite: str = "typo") -> Result:
    made = Result(model, "r", 22_700_000, suite, provenance=dict(MADE))
    for metric, values in scores.items():
        for seed, value in enumerate(values):
            made.add(Condition(metric, seed), value, f"{metric} {seed}")
    return made


def results() -> list[Result]:
    rates = {"clean": [85.0], "5 %": [78.0, 79.0], "10 %": [70.0, 74.0], "20 %": [60.0, 62.0]}
    worse = {metric: [value - 5 for value in values] for metric, values in rates.items()}
    kinds = {"keyboard": [80.0, 81.0], "case": [85.0, 85.0], "spaces dropped": [50.0, 52.0]}
    return [
        result("en-small", rates), result("all-MiniLM-L6-v2", worse), result("another", worse),
        result("en-small", kinds, "operators"), result("all-MiniLM-L6-v2", kinds, "operators"),
    ]  # fmt: skip


def speed() -> dict[str, dict[str, Any]]:
    models = {"en-small": 100.0, "all-MiniLM-L6-v2": 80.0}
    grown = {
        "sizes": [10, 100],
        "models": {name: {"seconds": [1 / v, 10 / v], "exponent": 1.0} for name, v in models.items()},
    }
    cell = {
        "words": 16, "kind": "batch", "threads": 2,
        "models": {name: {"batch": 32, "speeds": [value, value]} for name, value in models.items()},
    }  # fmt: skip
    head: dict[str, Any] = {
        "models": {name: {"parameters": 1e6, "reads": 256} for name in models}, "cores": 2, "rounds": 2,
        "mixed": "docstrings", "provenance": MADE,
    }  # fmt: skip
    return {
        "cpu-throughput": head | {"cells": [cell]},
        "cpu-scaling": head | {"length": grown, "corpus": grown, "threads": 2},
    }


def test_a_curve_reads_rates_from_the_names_of_metrics() -> None:
    found = curve(result("m", {"10 %": [1.0, 3.0], "clean": [9.0], "words 10 %": [5.0], "2.5 %": [4.0]}))
    assert found == [(0.0, 9.0, 0.0), (2.5, 4.0, 0.0), (10.0, 2.0, pytest.approx(2**0.5))]


def test_the_frontier_keeps_what_no_other_beats() -> None:
    assert undominated([(1, 9), (2, 8), (1, 8), (3, 1), (2, 8)]) == [0, 1, 4, 3]


def test_labels_are_pushed_apart_no_further_than_needed() -> None:
    assert spread_out([0.0, 100.0], 10) == [0.0, 100.0]
    assert spread_out([50.0, 50.0, 50.0], 10) == [40.0, 50.0, 60.0]
    assert spread_out([1.0, 0.0, 12.0], 10) == pytest.approx([13 / 3, -17 / 3, 43 / 3])
    assert spread_out([], 10) == []


def test_a_model_looks_alike_in_every_figure_and_ours_stands_out() -> None:
    few, many = looks(["en-small", "hashed n-grams"]), looks(["new", "hashed n-grams", "other", "en-small"])
    assert few == {name: many[name] for name in few}
    assert few["en-small"].color == OURS != few["hashed n-grams"].color
    assert len(set(many.values())) == 4


def test_bars_show_metrics_that_all_models_have() -> None:
    one, other = result("one", {"a": [1.0], "b": [2.0]}), result("two", {"b": [1.0], "c": [2.0]})
    assert shared_metrics([one, other]) == ["b"]
    assert operators([one, result("three", {"c": [1.0]})]) is None and operators([]) is None


def test_without_results_only_the_architecture_is_drawn(tmp_path: Path) -> None:
    assert robustness([]) is None
    files = [tmp_path / "architecture.svg", tmp_path / "architecture.png"]
    assert draw_all([], {}, tmp_path) == files and sorted(tmp_path.iterdir()) == sorted(files)


def test_the_same_results_draw_the_same_files(tmp_path: Path) -> None:
    first, second = (draw_all(results(), speed(), tmp_path / name) for name in "ab")
    assert {path.name for path in first} == {
        f"{name}.{kind}"
        for name in ("architecture", "robustness", "operators", "frontier", "scaling")
        for kind in ("svg", "png")
    }
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def page(path: Path, *parts: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = ["\n".join([marks(part)[0], "old", marks(part)[1]]) for part in parts]
    path.write_text("\n\n".join(["# Page", *blocks, "later\n"]), encoding="utf-8")
    return path


def test_one_command_writes_tables_and_plots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "results"
    for number, one in enumerate(results()[:3]):
        write(out / f"{number}.json", one)
    (out / "speed").mkdir()
    for part, content in speed().items():
        (out / "speed" / f"{part}.json").write_text(json.dumps(content), encoding="utf-8")
    pages = [
        page(tmp_path / "benchmarks" / "RESULTS.md", "tables", "aims", "speed aims", *TABLES),
        page(tmp_path / "README.md", "headline", "quality", "speed"),
        page(tmp_path / "tiered_st" / "pretrained" / "en-small" / "README.md", "quality"),
    ]
    command = ["--out", str(out), "--plots", str(tmp_path / "plots"), "--write", str(tmp_path)]
    assert report(command) == 0
    texts = [path.read_text(encoding="utf-8") for path in pages]
    for text in texts:
        assert "\nold\n" not in text and "all-MiniLM-L6-v2" in text and text.endswith("\n\nlater\n")
    assert (tmp_path / "plots" / "robustness.svg").is_file()
    assert report(command) == 0 and [path.read_text(encoding="utf-8") for path in pages] == texts
    pages[1].write_text("no marks", encoding="utf-8")
    assert report(command) == 2 and "add them" in capsys.readouterr().err


def test_the_command_for_everything_names_its_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.peers.RUNS", tmp_path)
    monkeypatch.setattr("benchmarks.peers.PACKAGED", {"e5": "json", "use": "no_such_module"})
    assert everything(["--data", "somewhere", "--print"]) == 0
    run, *lines = capsys.readouterr().err.splitlines()
    slow, words, (names, found), (typo, retrieval, speed, size, *scale, last) = (
        lines[:6],
        lines[6],
        lines[7:9],
        lines[9:],
    )
    assert [line.partition(" --data")[0] for line in slow] == [
        f"python -m benchmarks.run e5 --suite {suite}"
        for suite in ("typo", "retrieval", "long", "unseen_noise", "spanish", "cross_lingual")
    ]
    assert words.startswith("python -m benchmarks.run symspell --suite spanish_words --data")
    assert not {"e5", "use", "symspell"} & set(run.split())  # the one is slow, the other is not installed here
    taught = "en-es+taught en-mini+taught en-nano+taught en-small+taught"
    assert f"benchmarks.run {taught} --suite new_words --metrics rare 10 %" in names
    assert "+taught --suite retrieval --metrics XQuAD XQuAD 10 % --data" in found
    assert "benchmarks.run en-es en-mini en-nano en-small minilm minilm+symspell" in run and "bm25" in run
    assert "minilm-noise" not in run  # it is not trained there
    assert "--full" in speed and "minilm+onnx-int8 minilm --full" in speed
    assert "en-small+onnx-int8 minilm+onnx-int8 --suite typo --metrics clean 10 %" in typo and "XQuAD" in retrieval
    assert "en-mini+openvino" in speed and size.startswith("python -m benchmarks.speed.install_size")
    named = [
        f"python -m benchmarks.scale.{name} --data somewhere" for name in ("throughput", "memory", "kills", "index")
    ]
    assert scale == named
    assert last == "python -m benchmarks.report --plots --write"
