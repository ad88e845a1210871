"""Minutes count over resumes, and a run goes on with what it was begun with, or not at all."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from conftest import TOY

import training.run as runner
from benchmarks import ship
from tiered_st.noise import NoisePolicy
from training import callbacks
from training import teacher as teachers
from training.callbacks import JsonLog
from training.checkpoints import seal
from training.log import cut_back, minutes_of, processes_of, read_log
from training.recipe import Recipe, Stage
from training.sources import Source

TYPOS = NoisePolicy(weights=(("typos", 1.0),), rates=(0.1, 0.3))
STAGE = Stage("read", ("tiers",), (("identity", 1.0),), 3, 4, (("tiers", 1e-3),), TYPOS)
RECIPE = Recipe(name="mine", config=TOY, stages=(STAGE,), warm_start=False, texts=(Source("texts", ("text",)),))


def old(step: int, minutes: float, stage: str = "read") -> dict[str, Any]:
    return {"stage": stage, "step": step, "minutes": minutes}


def test_minutes_of_an_old_log_are_the_least_where_it_was_resumed() -> None:
    log = [old(20, 1.0), old(40, 2.0), old(60, 0.5), old(80, 1.5), old(20, 0.2, "joint")]
    assert minutes_of(log, "read") == (3.5, False)
    assert minutes_of(log, "joint") == (0.2, True)
    assert minutes_of(log, "none") is None
    counted = [line | {"processes": 2} for line in log]
    assert minutes_of(counted, "read") == (1.5, True)  # they count over resumes, and a repeated step replaces one
    assert (processes_of(log, "read"), processes_of(counted, "read")) == (1, 2)


def test_the_logs_that_ship_are_read_and_the_card_says_what_cannot_be_known() -> None:
    log = read_log(ship.LOGS / "en_small.jsonl")
    taken = minutes_of(log, "recognise")
    assert taken is not None and taken[0] > 3.71 + 14 and not taken[1]
    folder = ship.PRETRAINED / "en-small"
    table = ship.stages(json.loads((folder / "recipe.json").read_text(encoding="utf-8")), log)
    assert "| at least 18 (resumed) |" in table
    assert table in (folder / "README.md").read_text(encoding="utf-8")


def test_a_torn_line_is_left_out_and_a_broken_one_named(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    assert read_log(path) == []
    path.write_text(f'{json.dumps(old(1, 0.1))}\n{{"stage": "re', encoding="utf-8")
    assert read_log(path) == [old(1, 0.1)]
    cut_back(path, "read", 5)
    assert path.read_text(encoding="utf-8") == json.dumps(old(1, 0.1)) + "\n"
    cut_back(path, "read", 0)
    assert path.read_text(encoding="utf-8") == ""
    path.write_text("{\n{}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"Line 1 of .*log\.jsonl is not JSON"):
        read_log(path)


def test_a_log_counts_on_from_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(old(step, step / 10)) + "\n" for step in (10, 20, 30)), encoding="utf-8")
    sealed, unsealed = tmp_path / "checkpoint-20", tmp_path / "checkpoint-10"
    sealed.mkdir(), unsealed.mkdir()
    seal(sealed, minutes=2.25, processes=1)
    for checkpoint, before, steps in ((sealed, 2.25, [10, 20]), (unsealed, 1.0, [10]), (None, 0.0, [])):
        log = JsonLog(path, "read")
        log.restore(checkpoint)
        monkeypatch.setattr(callbacks.time, "monotonic", lambda start=log.start: start + 90)
        assert log.minutes == pytest.approx(before + 1.5)
        monkeypatch.undo()
        assert [line["step"] for line in read_log(path)] == steps


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    pq.write_table(pa.table({"text": [f"the cat sees number {i}" for i in range(40)]}), tmp_path / "texts.parquet")
    monkeypatch.setattr(runner, "find_recipe", lambda name: RECIPE)
    paths = ["--data", str(tmp_path), "--out", str(tmp_path / "out")]
    return ["mine", *paths, "--device", "cpu", "--workers", "0", "--log-steps", "1", "--quiet"]


def test_other_data_is_refused_by_name(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main([*command, "--max-minutes", "1e-9"]) == 0
    pq.write_table(pa.table({"text": ["another"] * 40}), tmp_path / "texts.parquet")
    assert runner.main(command) == 1
    assert "holds a run on other data (texts changed since)" in capsys.readouterr().err
    assert runner.main([*command, "--seed", "3"]) == 1
    assert "; seed)" in capsys.readouterr().err


def test_minutes_go_on_over_a_resume(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JsonLog, "minutes", property(lambda self: self.before + self.steps))
    monkeypatch.setattr(JsonLog, "steps", 0.0, raising=False)
    monkeypatch.setattr(
        JsonLog, "on_step_end", lambda self, *args, **kwargs: setattr(self, "steps", self.steps + 1), raising=False
    )
    for _ in range(3):  # every start takes one step, of a minute
        assert runner.main([*command, "--max-minutes", "1e-9"]) == 0
    lines = [line for line in read_log(tmp_path / "out" / "log.jsonl") if "loss" in line]
    assert [(line["step"], line["minutes"]) for line in lines] == [(1, 1.0), (2, 2.0), (3, 3.0)]


class Echo:
    """A teacher whose vector of a text is its length."""

    device = torch.device("cpu")

    def encode(self, texts: list[str], **kwargs: Any) -> torch.Tensor:
        return torch.tensor([[float(len(text)), 1.0] for text in texts])


def test_the_teacher_stops_at_the_deadline_and_a_damaged_shard_is_asked_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(teachers, "_SHARD", 4)
    monkeypatch.setattr(teachers, "has_bf16", lambda device: False)
    texts, echo = ["x" * i for i in range(10)], Echo()
    with pytest.raises(teachers.DeadlinePassed, match="3 of 3 shards"):
        teachers.sentence_vectors(echo, texts, tmp_path, time.monotonic())  # type: ignore[arg-type]
    expected = teachers.sentence_vectors(echo, texts, tmp_path)  # type: ignore[arg-type]
    shard = sorted(tmp_path.rglob("*.npy"))[1]
    shard.write_bytes(shard.read_bytes()[:-3])  # as a power cut leaves it
    assert torch.equal(teachers.sentence_vectors(echo, texts, tmp_path), expected)  # type: ignore[arg-type]
    assert "is damaged: its texts are asked anew" in caplog.text
