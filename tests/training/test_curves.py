"""A log is shown, with its curves."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.callbacks import JsonLog
from training.log import main as show


def test_a_log_is_shown_with_its_curves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = JsonLog(tmp_path / "log.jsonl", "spell")
    for step in range(1, 1001):
        log.write(step, {"loss": 1 / step})
    assert show([str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"drawn: {tmp_path / 'curves.svg'}\n"
    first = (tmp_path / "curves.svg").read_bytes()
    assert b"loss of the stage" in first and b"judged" not in first and len(first) < 40_000
    log = JsonLog(tmp_path / "log.jsonl", "learn")
    for step, main in ((10, 1.0), (20, 4.0), (30, 4.0)):
        log.write(step, {"loss": -0.1})
        log.write(step, {"judged": {"sts": main, "<&> 10 %": 2.0}, "main": main})
    for name in ("one.svg", "two.svg"):
        assert show([str(tmp_path / "log.jsonl"), "--out", str(tmp_path / name)]) == 0
    assert capsys.readouterr().out.splitlines()[:3] == [
        "learn 10: 1.00   (sts 1.0   <&> 10 % 2.0)", "learn 20: 4.00   (sts 4.0   <&> 10 % 2.0)  best",
        "learn 30: 4.00   (sts 4.0   <&> 10 % 2.0)",
    ]  # fmt: skip
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert b"&lt;&amp;&gt; 10 %" in (tmp_path / "one.svg").read_bytes()


def test_what_cannot_be_drawn_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show([str(tmp_path)]) == 1
    assert f"{tmp_path / 'log.jsonl'} does not exist: give the folder of a run" in capsys.readouterr().err
    log = JsonLog(tmp_path / "log.jsonl", "spell")
    log.write(1, {"train_loss": 1.0})
    assert show([str(tmp_path)]) == 1 and "no line with a loss" in capsys.readouterr().err
    assert show([str(tmp_path), "--out", str(tmp_path / "a.png")]) == 1
    assert "curves are drawn as SVG" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.jsonl"]
