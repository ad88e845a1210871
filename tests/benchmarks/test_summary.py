"""The tables that people meet first: what they say is what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_figures import MADE, page, result

from benchmarks.report.aims import aims
from benchmarks.report.speed import throughput_tables
from benchmarks.report.summary import headline, quality, spanish, speed, write_summary


def stored() -> dict[str, Any]:
    sts = {"clean": [80.0], "5 %": [70.0, 72.0], "10 %": [60.0, 62.0], "20 %": [50.0, 50.0]}
    return {
        "typo": [result("en-small", sts), result("all-MiniLM-L6-v2", sts | {"clean": [85.0], "5 %": [60.0, 60.0]})],
        "real": [result("en-small", {"misspellings": [57.0]}, "real")],
    }


def cells(table: str) -> dict[str, list[str]]:
    """Return the cells of each row by its first."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("|")]
    return {row[0]: row[1:] for row in rows}


def test_the_best_of_a_column_is_bold_and_what_was_not_measured_a_dash() -> None:
    rows = cells(quality(stored(), ["en-small"]))
    assert rows["**en-small**"][:4] == ["22.7 M", "80.0", "**71.0** ± 1.4", "**61.0** ± 1.4"]
    assert rows["all-MiniLM-L6-v2"][:4] == ["22.7 M", "**85.0**", "60.0 ± 0.0", "**61.0** ± 1.4"]
    assert rows["**en-small**"][-1] == "**57.0**" and rows["all-MiniLM-L6-v2"][-1] == "–"
    assert list(rows)[2:] == ["**en-small**", "all-MiniLM-L6-v2"]  # no row for a peer without results


def in_spanish() -> dict[str, Any]:
    scores = {"STS-B": [80.0], "STS-B 10 %": [70.0, 72.0]}
    found = stored()
    found["typo"].append(result("en-es", {"clean": [79.0], "5 %": [1.0], "10 %": [1.0], "20 %": [1.0]}))
    found["spanish"] = [
        result(name, scores, "spanish") for name in ("en-es", "en-small", "all-MiniLM-L6-v2", "another")
    ]
    found["spanish_words"] = [result("SymSpell alone", {"misspellings": [60.0]}, "spanish_words")]
    return found


def test_the_headline_has_a_dash_for_what_was_not_measured() -> None:
    found = {"typo": [result("en-es", {"clean": [79.0], "10 %": [70.0]})]}
    _, _, _, row, _, _, errors, _ = headline(found, ["en-es"]).splitlines()
    assert row.split()[-4:] == ["79.0", "–", "70.0", "–"] and errors.split() == ["en-es,", "ours", "–", "–"]


def test_spanish_has_a_table_of_its_own_of_who_was_measured_in_it() -> None:
    rows = cells(spanish(in_spanish(), ["en-es"]))
    assert list(rows)[2:] == ["**en-es**", "en-small", "all-MiniLM-L6-v2", "SymSpell alone"]
    assert rows["model"][1:3] == ["STS-B es dev, clean", "10 %"]
    assert rows["**en-es**"][:3] == ["22.7 M", "**80.0**", "**71.0** ± 1.4"] and rows["en-small"][-1] == "–"
    assert rows["SymSpell alone"][-1] == "**60.0**"


def test_only_pages_of_who_reads_spanish_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.report.summary.pretrained", lambda: ["en-es", "en-small"])
    pages = {
        name: page(tmp_path / "tiered_st" / "pretrained" / name / "README.md", "quality")
        for name in ("en-es", "en-small")
    }
    front = page(tmp_path / "README.md", "headline", "quality", "spanish")
    write_summary(in_spanish(), {}, tmp_path)
    texts = {name: path.read_text(encoding="utf-8") for name, path in pages.items()}
    assert "STS-B es dev" in texts["en-es"] and "STS-B es dev" not in texts["en-small"]
    assert "STS-B dev, clean" in texts["en-es"] and "STS-B es dev" in front.read_text(encoding="utf-8")
    # Without results in Spanish the front page keeps what it has, marks or none.
    front = page(tmp_path / "README.md", "headline", "quality")
    write_summary({name: found for name, found in in_spanish().items() if "spanish" not in name}, {}, tmp_path)
    assert "STS-B es dev" not in front.read_text(encoding="utf-8")


def test_the_headline_lines_up() -> None:
    _, caption, header, ours, peer, _, people, found, missing, _ = headline(stored(), ["en-small"]).splitlines()
    assert found.split() == ["en-small,", "ours", "–", "57.0", "%"] and missing.split()[-2:] == ["–", "–"]
    assert people.index("misspelt") == found.index("57.0")
    assert ours.split() == ["en-small,", "ours", "22.7", "M", "80.0", "71.0", "61.0", "50.0"]
    assert peer.split() == ["all-MiniLM-L6-v2", "22.7", "M", "85.0", "60.0", "61.0", "50.0"]
    assert header.index("clean") == caption.index("STS-B") == ours.index("80.0") == peer.index("85.0")
    assert header.index("20 %") == ours.index("50.0")


def cell(words: int | str, kind: str, threads: int, ours: list[float]) -> dict[str, Any]:
    models = {
        "en-small": {"reads": 510, "read": 1.0, "speeds": ours},
        "all-MiniLM-L6-v2": {"reads": 256, "read": 0.98, "speeds": [100.0, 200.0, 100.0]},
    }
    return {"words": words, "kind": kind, "threads": threads, "models": models}


def grid() -> dict[str, Any]:
    wrong = [9000.0] * 3
    return {
        "models": {"en-small": {"reads": 510}, "all-MiniLM-L6-v2": {"reads": None}}, "rounds": 3, "mixed": "everything",
        "provenance": MADE, "cpu": {"name": "chip", "sets": ["avx2"]},
        "cells": [
            cell(16, "single", 1, [50.0, 100.0, 80.0]), cell(16, "batch", 1, [150.0, 300.0, 200.0]),
            cell("mixed", "batch", 1, [200.0, 400.0, 200.0]), cell(16, "batch", 2, wrong), cell(96, "single", 1, wrong),
        ],
    }  # fmt: skip


def test_speed_is_the_ratio_round_by_round_on_one_thread() -> None:
    rows = cells(speed(grid(), {}))
    assert rows["model"] == ["16 words", "mixed", "16 words, one at a time"]
    assert rows["en-small"] == ["1.50×", "2.00×", "0.50×"]
    assert rows["all-MiniLM-L6-v2"] == ["100/s", "100/s", "10 ms"]
    assert "\nen-small 510.\n" in speed(grid(), {}) and "(chip: avx2)" in speed(grid(), {})


def test_what_one_would_deploy_comes_first_and_ratios_are_to_it() -> None:
    content = grid()
    for each in content["cells"]:
        each["models"] |= {f"{name} ONNX int8": own for name, own in each["models"].items()}
    content["models"] = {name: {"reads": 512} for name in content["cells"][0]["models"]}
    paid = {"en-small ONNX int8": {"import": 0.25, "load": 0.25, "memory": 200.4}}
    rows = cells(speed(content, paid))
    assert list(rows)[2:] == [
        "**en-small ONNX int8**", "all-MiniLM-L6-v2 ONNX int8", "en-small", "all-MiniLM-L6-v2",
    ]  # fmt: skip
    assert rows["**en-small ONNX int8**"][-2:] == ["0.5 s", "200 MiB"] and rows["en-small"][-2:] == ["–", "–"]
    assert rows["all-MiniLM-L6-v2 ONNX int8"][0] == "100/s" and rows["all-MiniLM-L6-v2"][0] == "1.00×"


def test_lengths_that_are_not_read_alike_are_not_compared() -> None:
    long = cell(512, "batch", 1, [50.0] * 3)
    long["models"]["all-MiniLM-L6-v2"]["read"] = 0.33
    content = grid() | {"cells": [long]}
    said = speed(content, {})
    assert cells(said)["en-small"] == ["–"] and "all-MiniLM-L6-v2 reads 33 % of 512 words." in said
    for length, shown in ((256, "0.50×"), (258, "0.50×"), (259, "–")):  # a mark or two make no other length
        long["models"]["en-small"]["reads"] = length
        assert cells(speed(content, {}))["en-small"] == [shown]


def test_the_page_of_results_compares_no_more_than_the_readme() -> None:
    long = cell(512, "batch", 1, [50.0] * 3)
    long["models"]["all-MiniLM-L6-v2"]["read"] = 0.33
    single = cell(16, "single", 1, [50.0, 100.0, 80.0])
    content = grid() | {"cells": [cell(16, "batch", 1, [150.0, 300.0, 200.0]), long, single]}
    content["models"] = {name: own | {"parameters": 1e6} for name, own in content["models"].items()}
    many, alone = throughput_tables("cpu", content).split("one text at a time")
    assert cells(many)["en-small"][1:] == ["200/s · 1.50× (1.50–2.00)", "50/s · –"] and "chip: avx2" in many
    assert cells(alone)["en-small"][1:] == ["12.5 ms · 0.50× (0.50–0.80)"]


def test_speed_without_minilm_says_what_to_time() -> None:
    without = grid() | {"models": {"en-small": {}}}
    with pytest.raises(ValueError, match="time it too"):
        speed(without, {})


def test_an_aim_is_met_where_the_difference_is_large_enough() -> None:
    results = stored()
    results["typo"][0].scores["clean"] = {"0": 86.5}
    results["retrieval"] = [
        result("en-small", {"XQuAD": [90.0], "XQuAD 10 %": [80.0]}, "retrieval"),
        result("all-MiniLM-L6-v2", {"XQuAD": [92.0], "XQuAD 10 %": [65.0]}, "retrieval"),
    ]
    results["operators"] = [
        result("en-small", {"clean": [80.0], "upper case": [76.0], "OCR 10 %": [75.0]}, "operators")
    ]
    rows = cells(aims(results, {"cpu-throughput": grid()}))
    assert rows["typo: clean"] == ["≥ 86.5 / 85 / 80", "**86.5**", "–", "–"]
    assert rows["typo: 5 %"][1] == "71.0"
    assert rows["speed"] == ["≥ 1.5× / 3× / 8×", "**1.50×**", "–", "–"]
    assert rows["retrieval: XQuAD"] == ["≥ -1 against all-MiniLM-L6-v2", "-2.0", "–", "–"]
    assert rows["retrieval: XQuAD 10 %"][1] == "**+15.0**"
    assert rows["operators: upper case"][:2] == ["≥ -4 against clean", "**-4.0**"]
    assert rows["operators: OCR 10 %"][1] == "-5.0"
    assert rows["real: misspellings"] == ["≥ all-MiniLM-L6-v2 + SymSpell", "–", "–", "–"]
