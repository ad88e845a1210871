"""README, "Train your own": every example runs as it is written there."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest
from readme import README, blocks

import tiered_st
import training.run as runner
from tiered_st.cli import main as cli
from training.objectives import E1_OBJECTIVES, E2_OBJECTIVES


def examples() -> tuple[dict[str, str], list[str]]:
    """Return the section's scripts by the names in their first lines, and its last commands."""
    python = blocks("Train your own", "python")
    scripts = {re.match(r"# (\w+\.py)", code)[1]: code for code in python}  # type: ignore[index]
    return scripts, blocks("Train your own", "bash")[-1].splitlines()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the scripts and what my_data.py makes."""
    monkeypatch.chdir(tmp_path)
    for name, code in examples()[0].items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    runpy.run_path("my_data.py")
    return tmp_path


def test_the_recipe_makes_a_model(folder: Path) -> None:
    data, train, info = (shlex.split(line) for line in examples()[1])
    assert data == ["python", "my_data.py"]  # run by the fixture
    assert train[:3] == ["python", "-m", "training.run"] and runner.main(train[3:]) == 0
    assert info[0] == "tiered-st" and cli(info[1:]) == 0
    vectors = tiered_st.load("runs/mine/model").encode(["remove a file", "zip an archive"])
    assert vectors.shape == (2, 128) and np.isfinite(vectors).all() and not np.allclose(vectors[0], vectors[1])


def test_the_recipe_streams_as_when_it_gets_big(folder: Path) -> None:
    command = shlex.split(blocks("When it gets big", "bash")[1])
    assert command[:3] == ["python", "-m", "training.run"] and "--stream" in command
    assert runner.main(command[3:]) == 0
    assert np.isfinite(tiered_st.load("runs/streamed/model").encode(["remove a file"])).all()


@pytest.mark.parametrize("kind", ["pairs", "texts"])
def test_a_shipped_model_learns(kind: str, folder: Path) -> None:
    runpy.run_path(f"tune_on_{kind}.py")
    tuned = tiered_st.load(f"runs/on-{kind}/model").encode("split a string")
    assert np.isfinite(tuned).all() and not np.array_equal(tuned, tiered_st.load("en-nano").encode("split a string"))


def test_examples_are_short() -> None:
    for name, code in examples()[0].items():
        assert len(code.splitlines()) <= 20, name


@pytest.mark.parametrize(("tier", "names"), [("E1", E1_OBJECTIVES), ("E2", E2_OBJECTIVES)])
def test_the_table_of_objectives_names_all_of_a_tier(tier: str, names: tuple[str, ...]) -> None:
    table = README.read_text(encoding="utf-8").partition("| tier | objectives |\n")[2]
    (row,) = re.findall(rf"^\| {tier} \| (.*) \|$", table, flags=re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", row)) == sorted(names)
