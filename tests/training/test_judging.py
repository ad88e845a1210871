"""Judged while it learns: lines that survive a kill, and the best checkpoint kept."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import make_model
from judged import FIND, PLAIN, RECIPE, SCORED, STAGE, STS, Train, lines, trainer, write_tables

import training.stage_run as stage_run
from tiered_st.model import load
from training.callbacks import JsonLog
from training.judging import HeldOut, Judging, Jury
from training.judging.jury import Verdict
from training.recipe_files import check_record


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tables(tmp_path_factory.mktemp("judged"))


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch, data: Path) -> Train:
    return trainer(monkeypatch, data)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load(folder, device="cpu").state_dict()


def saying(monkeypatch: pytest.MonkeyPatch, mains: list[float]) -> list[int]:
    """Let the jury say one main figure after the other; return the list of steps that it was asked about."""
    asked: list[int] = []

    def say(self: Jury, model: Any, *, step: int, **settings: Any) -> Verdict:
        asked.append(step)
        main = mains[step // 2 - 1]
        return Verdict({"sts": main}, main)

    monkeypatch.setattr(Jury, "__call__", say)
    return asked


def test_a_judged_run_logs_each_figure_and_trains_as_one_that_holds_out_the_same(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train(RECIPE, tmp_path / "judged") == 0
    found = lines(tmp_path / "judged")
    assert [line["step"] for line in found] == [2, 4, 6, 8]
    assert list(found[0]["judged"]) == ["sts", "sts typos 10 %", "find", "find typos 20 %"]
    for line in found:
        sts, find = (sum(value for name, value in line["judged"].items() if name.startswith(j)) / 2 for j in ("s", "f"))
        assert line["main"] == pytest.approx((sts + 2 * find) / 3, abs=1e-3)
        assert -100 <= sts <= 100 and 0 < find <= 100 and line["stage"] == "learn" and line["judging_minutes"] >= 0
    monkeypatch.setattr(Judging, "on_step_end", lambda *args, **kwargs: None)  # held out all the same, never judged
    assert train(RECIPE, tmp_path / "unjudged") == 0 and lines(tmp_path / "unjudged") == []
    expected = weights(tmp_path / "unjudged" / "model")
    assert all(torch.equal(value, expected[name]) for name, value in weights(tmp_path / "judged" / "model").items())


# the best


def test_the_best_step_is_kept_or_the_last_as_the_stage_says(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = {}
    for name, keep, mains in (
        ("worse", "best", [1.0, 3.0, 3.0, 2.0]),  # of equal ones the earliest
        ("better", "best", [1.0, 2.0, 3.0, 4.0]),
        ("last", "last", [1.0, 3.0, 3.0, 2.0]),
    ):
        saying(monkeypatch, mains)
        saved: dict[int, Path] = {}

        def keep_copy(checkpoint: Path, saved: dict[int, Path] = saved, name: str = name, **facts: Any) -> None:
            step = int(checkpoint.name.rpartition("-")[2])
            saved[step] = shutil.copytree(checkpoint, tmp_path / f"{name}-{step}")

        monkeypatch.setattr("training.callbacks.seal", keep_copy)
        recipe = dataclasses.replace(RECIPE, stages=(dataclasses.replace(STAGE, keep=keep),))
        with caplog.at_level(logging.INFO, "training"):
            assert train(recipe, tmp_path / name) == 0
        found[name] = weights(tmp_path / name / "0_learn" / "model"), sorted(saved)
        assert [line["main"] for line in lines(tmp_path / name)] == mains
        assert not (tmp_path / name / "0_learn" / "checkpoints").exists()
    assert [found[name][1] for name in found] == [[2, 4], [2, 4, 6], []]  # each best of its time, but for the last step
    assert same(found["worse"][0], weights(tmp_path / "worse-4"))
    assert same(found["better"][0], found["last"][0]) and not same(found["worse"][0], found["last"][0])
    assert caplog.text.count("step 4 was the best") == 1


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(value, b[name]) for name, value in a.items())


class Killed(BaseException):
    """What no handler of the runner catches, as kill -9 would not be."""


@pytest.mark.parametrize("dies_at", [3, 4, 6, 7])
def test_a_killed_run_goes_on_to_the_same_lines_and_the_same_best(
    dies_at: int, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies after the line of step 4 or 6 was written and before its checkpoint was, or between two of them."""
    mains = [1.0, 4.0, 2.0, 3.0]
    recipe = dataclasses.replace(RECIPE, stages=(dataclasses.replace(STAGE, keep="best"),))
    asked = saying(monkeypatch, mains)
    with monkeypatch.context() as patch:

        def dies(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == dies_at:
                raise Killed

        patch.setattr(stage_run.Clock, "on_step_end", dies)
        with pytest.raises(Killed):
            train(recipe, tmp_path / "out")
    checkpoints = tmp_path / "out" / "0_learn" / "checkpoints"
    assert sorted(path.name for path in checkpoints.iterdir()) == ["checkpoint-2", "checkpoint-4"][: 1 + (dies_at > 4)]
    assert train(recipe, tmp_path / "out") == 0
    assert [(line["step"], line["main"]) for line in lines(tmp_path / "out")] == list(
        zip([2, 4, 6, 8], mains, strict=True)
    )
    assert asked == {3: [2, 4, 6, 8], 4: [2, 4, 4, 6, 8], 6: [2, 4, 6, 6, 8], 7: [2, 4, 6, 6, 8]}[dies_at]
    assert train(recipe, tmp_path / "whole") == 0
    expected = weights(tmp_path / "whole" / "model")
    for name, value in weights(tmp_path / "out" / "model").items():
        torch.testing.assert_close(value, expected[name], atol=1e-6, rtol=1e-5)


def test_the_best_checkpoint_outlives_later_ones(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saying(monkeypatch, [4.0, 1.0, 1.0, 1.0])
    recipe = dataclasses.replace(RECIPE, stages=(dataclasses.replace(STAGE, keep="best"),))
    left: list[list[str]] = []
    monkeypatch.setattr(
        stage_run.RankTrainer, "_load_from_checkpoint",
        lambda self, path: left.append([path, *sorted(p.name for p in Path(path).parent.iterdir())]),
    )  # fmt: skip
    assert train(recipe, tmp_path / "out", "--save-minutes", "0") == 0
    folder = tmp_path / "out" / "0_learn" / "checkpoints"
    assert left == [[str(folder / "checkpoint-2"), "checkpoint-2", "checkpoint-6", "checkpoint-7"]]


def test_a_best_checkpoint_that_is_gone_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = JsonLog(tmp_path / "log.jsonl", "learn")
    for step, main in ((2, 1.0), (4, 4.0), (6, 3.0)):
        log.write(step, {"judged": {"sts": main}, "main": main})
    for step in (2, 6):
        (tmp_path / f"checkpoint-{step}").mkdir()
    judging = Judging(Jury(HeldOut((), tmp_path, tmp_path)), make_model(), log, times=4, keep_best=True)
    judging.restore(tmp_path)
    assert judging.best == (3.0, 6) and "the checkpoint of step 4, the best so far, is gone" in caplog.text
    judging = Judging(Jury(HeldOut((), tmp_path, tmp_path)), make_model(), log, times=4, keep_best=False)
    judging.restore(tmp_path)
    assert judging.best == (4.0, 4)  # no checkpoint is kept for it


def test_a_step_that_came_after_the_deadline_is_judged_when_the_run_goes_on(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = saying(monkeypatch, [4.0, 1.0])
    recipe = dataclasses.replace(RECIPE, stages=(dataclasses.replace(STAGE, keep="best", steps=4, judged=2),))
    for step in (1, 2, 3):  # every start takes one step
        assert train(recipe, tmp_path / "out", "--max-minutes", "1e-9") == 0
        assert asked == [2][: step > 2]
    assert train(recipe, tmp_path / "out") == 0
    assert [line["step"] for line in lines(tmp_path / "out")] == asked == [2, 4]
    assert not (tmp_path / "out" / "0_learn" / "checkpoints").exists()


def test_too_few_rows_are_told_before_training(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = dataclasses.replace(STS, source=dataclasses.replace(SCORED, lengths=(50, 60)))
    assert train(dataclasses.replace(RECIPE, judges=(short, FIND)), tmp_path / "out") == 1
    assert "Judge sts finds 0 pairs in pairs, within the words that its lengths=(50, 60)" in capsys.readouterr().err
    assert not (tmp_path / "out" / "log.jsonl").exists()


def test_a_smoke_is_judged_once_and_a_streamed_run_too(train: Train, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, stages=(dataclasses.replace(STAGE, keep="best", judged=3),))
    assert recipe.smoke().judges[0].rows == 6 and dataclasses.replace(STS, rows=400).source == STS.source
    assert train(recipe, tmp_path / "smoke", "--smoke") == 0
    assert [line["step"] for line in lines(tmp_path / "smoke")] == [4]  # a step of each objective
    assert train(recipe, tmp_path / "streamed", "--stream", "32") == 0
    assert [line["step"] for line in lines(tmp_path / "streamed")] == [3, 6, 8]


def test_a_run_begun_before_there_were_judges_goes_on(data: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, judges=(), stages=(PLAIN,))
    check_record(recipe, data, tmp_path)
    record = tmp_path / "recipe.json"
    before = json.loads(record.read_text(encoding="utf-8"))
    del before["judges"], before["stages"][0]["judged"], before["stages"][0]["keep"]
    record.write_text(json.dumps(before), encoding="utf-8")
    with pytest.raises(ValueError, match=r"another recipe .*; stages, judges"):
        check_record(RECIPE, data, tmp_path)
    check_record(recipe, data, tmp_path)
    assert json.loads(record.read_text(encoding="utf-8"))["judges"] == []
