"""The aims of the runtime: met or missed, from what is stored alone."""

from __future__ import annotations

from typing import Any

from benchmarks.report.speed_aims import speed_aims
from benchmarks.store import Result
from benchmarks.suite import Condition


def cell(words: int, kind: str, speeds: dict[str, float]) -> dict[str, Any]:
    models = {name: {"reads": 510, "read": 1.0, "speeds": [speed] * 3} for name, speed in speeds.items()}
    return {"words": words, "kind": kind, "threads": 1, "models": models}


def scored(model: str, scores: dict[str, float], *, bf16: bool = False) -> Result:
    made = Result(model, "r", 1, "typo", settings={"bf16": bf16})
    for seed, value in scores.items():
        made.add(Condition("10 %", int(seed)), value, f"texts {seed}")
    return made


def rows_of(table: str) -> dict[str, list[str]]:
    lines = [[part.strip() for part in line.strip("|").split("|")] for line in table.splitlines()]
    return {line[0]: line[1:] for line in lines}


def speeds() -> dict[str, Any]:
    int8 = "all-MiniLM-L6-v2 ONNX int8"
    cells = [
        cell(16, "batch", {"en-small ONNX int8": 130.0, "en-mini ONNX int8": 349.0, int8: 100.0}),
        cell(16, "single", {"en-small": 26.0, "all-MiniLM-L6-v2": 20.0}),
        cell(15, "chat", {"en-small ONNX int8": 125.0, "en-nano ONNX int8": 400.0, int8: 100.0}),
    ]
    paid = {"import": 0.3, "load": 0.2, "memory": 145.0}  # MiB: 152 MB
    return {
        "cpu-throughput": {"cells": cells},
        "cpu-footprint": {"processes": {"en-small ONNX int8": paid, "en-nano ONNX int8": paid}},
        "cpu-install": {"sides": {"without torch": {"a": 100_000_000}, "with torch": {"a": 10**9}}},
    }


def test_an_aim_of_speed_is_met_where_the_ratio_or_the_share_of_time_is() -> None:
    rows = rows_of(speed_aims({}, speeds()))
    assert rows["16 words, best batch"] == ["≥ 1.3× / 3.5× / 7×", "**1.30×**", "3.49×", "–"]
    assert rows["16 words, one at a time, all in torch"] == ["≥ 1.3× / – / –", "**1.30×**", "–", "–"]
    assert rows["16 words, one at a time"][1:] == ["–", "–", "–"]
    message = rows["15 words, three of them new typos, one at a time"]
    assert message == ["≤ 0.8 of its time", "**0.80**", "–", "0.25"]  # asked of en-small alone
    assert rows["… in milliseconds"][1:] == ["**8.0**", "–", "**2.5**"]
    assert rows["import + load, s"] == ["≤ 0.7 / 0.6 / 0.5", "**0.50**", "–", "**0.50**"]
    assert rows["peak memory of 1,000 texts, MB"][1:] == ["**152**", "–", "152"]
    assert rows["on disk, MB (with torch 1000)"][1:] == ["**100**"] * 3


def test_texts_that_are_not_read_alike_meet_no_aim() -> None:
    content = speeds()
    other = content["cpu-throughput"]["cells"][0]["models"]["all-MiniLM-L6-v2 ONNX int8"]
    other |= {"reads": 256, "read": 0.5}
    assert rows_of(speed_aims({}, content))["16 words, best batch"][1:] == ["–", "–", "–"]


def test_a_loss_is_taken_over_the_texts_that_both_forms_read_and_to_float32_alone() -> None:
    small = scored("en-small", {"0": 80.0, "1": 70.0, "2": 10.0})
    int8 = scored("en-small ONNX int8", {"0": 79.8, "1": 69.8})
    assert rows_of(speed_aims({"typo": [small, int8]}, {}))["lost by int8: STS-B dev, 10 % wrong"][1] == "**0.20**"
    int8.checksums["10 %"]["0"] = "other texts"
    int8.scores["10 %"]["0"] = 0.0
    assert rows_of(speed_aims({"typo": [small, int8]}, {}))["lost by int8: STS-B dev, 10 % wrong"][1] == "**0.20**"
    small.settings["bf16"] = True
    assert rows_of(speed_aims({"typo": [small, int8]}, {}))["lost by int8: STS-B dev, 10 % wrong"][1] == "–"
