"""The aims of the models: met, missed or not measured, from what is stored alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_figures import result

from benchmarks.report.__main__ import ROOT
from benchmarks.report.__main__ import main as report
from benchmarks.report.aim import OWN, Aim, AimTable
from benchmarks.report.aim_tables import ENGLISH, SPANISH, TABLES
from benchmarks.report.markdown import marks
from benchmarks.report.model_aims import found_of, model_aims
from benchmarks.report.speed_aims import SpeedAim, TimeAim
from benchmarks.store import write
from benchmarks.suites import suites

REFERENCE = "all-MiniLM-L6-v2"
TABLE = AimTable(
    "Two models",
    ("en-small", "en-nano"),
    (
        Aim("clean", "typo", ("clean",), (85.0, None)),
        Aim("both", "retrieval", ("XQuAD", "CISI"), (1.0, -8.0), REFERENCE),
        Aim("spaces", "operators", ("spaces dropped 30 %",), (-5.0, -6.0), OWN),
        Aim("names", "new_words", ("rare 10 %",), (80.0, 80.0), form=" taught"),
    ),
    peers=(REFERENCE,),
    speed=(SpeedAim("speed", 16, "batch", (1.1, None), " ONNX int8", f"{REFERENCE} ONNX int8"),),
)


def stored() -> dict[str, Any]:
    return {
        "typo": [result("en-small", {"clean": [84.0]}), result("en-nano", {"clean": [80.0]})],
        "retrieval": [
            result("en-small", {"XQuAD": [95.0], "CISI": [40.0]}, "retrieval"),
            result("en-nano", {"XQuAD": [90.0]}, "retrieval"),
            result(REFERENCE, {"XQuAD": [94.0], "CISI": [38.0]}, "retrieval"),
        ],
        "operators": [result("en-small", {"clean": [85.0], "spaces dropped 30 %": [80.0, 78.0]}, "operators")],
        "new_words": [result("en-small taught", {"rare 10 %": [86.0]}, "new_words")],
    }


def speeds() -> dict[str, Any]:
    ours, other = "en-small ONNX int8", f"{REFERENCE} ONNX int8"
    models = {name: {"reads": 510, "read": 1.0, "speeds": [speed] * 3} for name, speed in ((ours, 12.0), (other, 10.0))}
    timed = {name: {"revision": "r"} for name in models}
    return {
        "cpu-throughput": {"models": timed, "cells": [{"words": 16, "kind": "batch", "threads": 1, "models": models}]}
    }


def rows_of(text: str) -> dict[str, list[str]]:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    return {row[0]: row[1:] for row in rows}


def test_what_is_met_is_bold_and_what_is_not_says_how_much_it_lacks() -> None:
    said = model_aims(TABLE, stored(), speeds())
    rows = rows_of(said)
    assert rows["what"] == ["aim", "en-small", "en-nano", REFERENCE]
    assert rows["clean"] == ["≥ 85 / –", "84.0 (-1.0)", "80.0", "–"]  # nothing is asked of the second one
    assert rows["both"] == [
        f"≥ +1 / -8 against {REFERENCE}",
        "**+1.5**",
        "–",
        "66.0",
    ]  # the mean of both; its own score
    assert rows["spaces"] == [f"≥ -5 / -6 against {OWN}", "-6.0 (-1.0)", "–", "–"]
    assert rows["names"] == ["≥ 80 / 80", "**86.0**", "–", "–"]
    assert rows["speed"][1:] == ["**1.20×**", "–", "–"]
    assert "Met: en-small 3 of 5, en-nano 0 of 3." in said
    assert "Not measured: `retrieval` of en-nano (CISI); `operators` of en-nano" in said
    assert "`new_words` of en-nano taught (rare 10 %)" in said and "typo" not in said


def test_scores_are_compared_seed_by_seed_on_the_same_texts() -> None:
    aim = Aim("x", "retrieval", ("XQuAD",), (0.0,), REFERENCE)
    ours, other = result("en-small", {"XQuAD": [90.0, 10.0, 7.0]}), result(REFERENCE, {"XQuAD": [80.0, 20.0]})
    assert found_of(aim, {"en-small": ours, REFERENCE: other}, "en-small").value == 0.0
    other.checksums["XQuAD"]["1"] = "other texts"
    assert found_of(aim, {"en-small": ours, REFERENCE: other}, "en-small").value == 10.0
    other.checksums["XQuAD"]["0"] = "other texts"
    found = found_of(aim, {"en-small": ours, REFERENCE: other}, "en-small")
    assert found.value is None and found.missing == ((REFERENCE, "XQuAD, on other texts"),)
    assert found_of(aim, {"en-small": ours}, "en-small").missing == ((REFERENCE, "XQuAD"),)


def test_an_older_revision_counts_as_not_measured() -> None:
    shipped = {"en-small": ["new"], "en-nano": ["r"]}
    said = model_aims(TABLE, stored(), speeds(), shipped)
    assert rows_of(said)["clean"][1:3] == ["–", "80.0"] and rows_of(said)["speed"][1] == "–"
    assert "`typo` of en-small (clean), of an older revision alone" in said
    assert "`speed` of en-small ONNX int8 (speed)" in said


def test_an_aim_asks_every_model_of_its_table_or_says_none() -> None:
    with pytest.raises(ValueError, match="'x' asks 1 models, the table has 2"):
        AimTable("t", ("a", "b"), (Aim("x", "typo", ("clean",), (1.0,)),))


def test_every_aim_names_a_metric_that_its_suite_has() -> None:
    known = suites()
    for aim in (aim for table in TABLES.values() for aim in table.aims):
        assert set(aim.metrics) <= set(known[aim.suite].metrics), aim.what
    assert sum(aim.suite == "long" for aim in ENGLISH.aims) == 8  # each read length
    page = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    assert all(mark in page for name in TABLES for mark in marks(name))


TWO_LANGUAGES = AimTable(
    "Two languages",
    ("en-es",),
    (
        Aim("accents", "spanish", ("STS-B, without accents",), (-0.5,), OWN, clean="STS-B"),
        Aim("English", "typo", ("clean",), (-1.5,), "en-small"),
        Aim("words", "spanish_words", ("misspellings",), (70.0,)),
    ),
    peers=("en-small", "SymSpell alone"),
    times=(TimeAim("a message", 15, "chat", (10.0,)),),
)


def test_what_a_model_loses_is_against_itself_or_another_of_ours_and_time_is_at_most() -> None:
    found = {
        "spanish": [
            result("en-es", {"STS-B": [80.0], "STS-B, without accents": [79.75]}, "spanish"),
            result("en-small", {"STS-B": [54.0], "STS-B, without accents": [50.0]}, "spanish"),
        ],
        "typo": [result("en-es", {"clean": [84.0]}), result("en-small", {"clean": [87.0]})],
        "spanish_words": [result("SymSpell alone", {"misspellings": [65.0]}, "spanish_words")],
    }
    models = {"en-es ONNX int8": {"reads": 510, "read": 1.0, "speeds": [80.0, 80.0]}}
    cell = {"words": 15, "kind": "chat", "threads": 1, "models": models}
    timed = {"cpu-throughput": {"models": {"en-es ONNX int8": {"revision": "r"}}, "cells": [cell]}}
    said = model_aims(TWO_LANGUAGES, found, timed, {"en-es": ["r"]})
    rows = rows_of(said)
    assert rows["accents"] == [f"≥ -0.5 against {OWN}", "**-0.2**", "-4.0", "–"]
    assert rows["English"] == ["≥ -1.5 against en-small", "-3.0 (-1.5)", "87.0", "–"]
    assert rows["words"] == ["≥ 70", "–", "–", "65.0"]
    assert rows["a message"] == ["≤ 10 ms", "12.5 ms (+2.5)", "–", "–"]
    assert "Met: en-es 1 of 4." in said and "`spanish_words` of en-es (misspellings)" in said
    models["en-es ONNX int8"]["speeds"] = [125.0, 125.0]
    assert rows_of(model_aims(TWO_LANGUAGES, found, timed))["a message"][1] == "**8.0 ms**"
    older = model_aims(TWO_LANGUAGES, found, timed, {"en-es": ["newer"]})
    assert rows_of(older)["a message"][1] == "–" and "`speed` of en-es ONNX int8 (a message)" in older
    with pytest.raises(ValueError, match="'a message' asks 2 models, the table has 1"):
        AimTable("t", ("a",), (), times=(TimeAim("a message", 15, "chat", (1.0, 2.0)),))


def test_one_command_prints_the_aims_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "m.json", result(REFERENCE, {"clean": [85.7]}))
    assert report(["--aims", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"## {ENGLISH.title}") and "85.7" in out and "suite `typo`" not in out
    assert "Met: en-small 0 of 29" in out and "`long` of en-small (Wikipedia@32, MS docs@32" in out
    assert (
        f"## {SPANISH.title}" in out and "Met: en-es 0 of 15. Not measured: `spanish` of en-es (STS-B, STS-B 5 %" in out
    )
