"""Two processes train together, as a launcher starts them: real ones, over gloo, on the CPU."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import training.run as runner
from tiered_st.model import load
from training import ranks

STEPS = 3
RECIPE = """
from tiered_st.config import PRESETS
from tiered_st.noise import NoisePolicy
from training.judging import Judge
from training.sources import Source
from training.recipe import Recipe, Stage

TYPOS = NoisePolicy(weights=(("typos", 1.0),), rates=(0.1, 0.3))
TIERS, E2 = "tiers", "semantic_encoder"
RECIPE = Recipe(
    name="two", config=PRESETS["toy"], warm_start=False,
    texts=(Source("texts", ("text",)),), pairs=(Source("pairs", ("a", "b")),),
    judges=(Judge("find", "retrieval", Source("pairs", ("a", "b")), rows=4),),
    stages=(
        Stage("read", (TIERS, E2), (("char_mlm", 1), ("simcse", 1), ("ranking", 1)), 3, 4,
              ((TIERS, 1e-3), (E2, 1e-3)), TYPOS, judged=3, keep="best"),
    ),
)
"""


def rank_of_a_run(rank: int, port: int, folder: Path, out: str, dies_at: int | None, extra: list[str]) -> None:
    """Be one rank: what a launcher's environment and the command line make of a process."""
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port), "LOCAL_WORLD_SIZE": "2",
    }  # fmt: skip
    said = os.open(folder / f"{out}-{rank}.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 1), os.dup2(said, 2)
    torch.set_num_threads(1)
    from training import callbacks
    from training.tasks import TaskCollator

    collate, log = TaskCollator.__call__, callbacks.JsonLog.on_log

    def record(self: TaskCollator, features: list[dict[str, Any]]) -> dict[str, Any]:
        with (folder / f"{out}-draws-{rank}.jsonl").open("a") as file:
            file.write(json.dumps([features[0]["dataset_name"], [row["draw"] for row in features]]) + "\n")
        return collate(self, features)

    def dies(self: callbacks.JsonLog, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        log(self, args, state, control, **kwargs)
        if rank == 1 and state.global_step == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    TaskCollator.__call__ = record  # type: ignore[method-assign]
    callbacks.JsonLog.on_log = dies  # type: ignore[method-assign]
    command = [str(folder / "two.py"), "--data", str(folder), "--out", str(folder / out), "--device", "cpu"]
    sys.exit(runner.main([*command, "--workers", "0", "--log-steps", "1", "--save-minutes", "0", "--quiet", *extra]))


def run_two(folder: Path, out: str, *extra: str, dies_at: int | None = None) -> list[int | None]:
    """Run two ranks to their ends; return their exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("forkserver")  # which imports torch once
    context.set_forkserver_preload(["training.run", "test_ranks"])
    processes = [
        context.Process(target=rank_of_a_run, args=(rank, port, folder, out, dies_at, list(extra))) for rank in (0, 1)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        if process.is_alive():
            process.kill()
    return [process.exitcode for process in processes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("ranks")
    texts = [f"the {a} {b} number {i}" for i, (a, b) in enumerate([("cat", "sees"), ("dog", "likes")] * 20)]
    pq.write_table(pa.table({"text": texts}), folder / "texts.parquet")
    pq.write_table(pa.table({"a": texts, "b": texts[::-1]}), folder / "pairs.parquet")
    (folder / "two.py").write_text(RECIPE, encoding="utf-8")
    yield folder


def said(folder: Path, out: str) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob(f"{out}-[01].txt")))


def draws(folder: Path, out: str, rank: int) -> list[Any]:
    lines = (folder / f"{out}-draws-{rank}.jsonl").read_text(encoding="utf-8").splitlines()
    return [(name, draw) for name, batch in map(json.loads, lines) for draw in batch]


def log(folder: Path, out: str, key: str = "loss") -> list[dict[str, Any]]:
    lines = (folder / out / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [line for line in map(json.loads, lines) if key in line]


def test_two_ranks_train_one_model_and_go_on_after_one_was_killed(folder: Path) -> None:
    """Everything of one run of two ranks, undisturbed and killed: starting them is what takes the time."""
    assert run_two(folder, "whole") == [0, 0], said(folder, "whole")
    assert "8 rows per step (4 × 2 processes)" in said(folder, "whole")
    mine, theirs = draws(folder, "whole", 0), draws(folder, "whole", 1)
    assert not set(mine) & set(theirs) and len(set(mine + theirs)) == 2 * STEPS * 4
    assert [(line["step"], line["processes"]) for line in log(folder, "whole")] == [(1, 2), (2, 2), (3, 2)]
    said_of = [(line["step"], line["judged"]) for line in log(folder, "whole", "judged")]  # by one for both
    assert [step for step, _ in said_of] == [1, 2, 3]
    assert sorted(path.name for path in (folder / "whole").iterdir()) == [
        "0_read", "data.json", "log.jsonl", "model", "recipe.json"
    ]  # fmt: skip
    assert [path.name for path in (folder / "whole" / "0_read").iterdir()] == ["model"]

    codes = run_two(folder, "killed", dies_at=2)
    assert codes == [1, -signal.SIGKILL]  # no hang
    assert "another process has died" in said(folder, "killed")
    assert run_two(folder, "killed") == [0, 0], said(folder, "killed")
    assert [line["step"] for line in log(folder, "killed")] == [1, 2, 3]
    assert [(line["step"], line["judged"]) for line in log(folder, "killed", "judged")] == said_of
    assert draws(folder, "killed", 1) != theirs  # it went on, and did not start anew
    expected, got = (load(folder / out / "model", device="cpu").state_dict() for out in ("whole", "killed"))
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, atol=1e-6, rtol=1e-5)


def test_one_process_does_not_go_on_from_a_checkpoint_of_two(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_two(folder, "stopped", "--max-minutes", "1e-9") == [0, 0], said(folder, "stopped")
    command = [str(folder / "two.py"), "--data", str(folder), "--out", str(folder / "stopped"), "--device", "cpu"]
    assert runner.main([*command, "--quiet"]) == 1
    assert "is of a run of 2 process(es)" in capsys.readouterr().err


@pytest.mark.parametrize("device", [None, "cuda", "cuda:1"])
def test_several_gpus_without_a_launcher_are_refused(device: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    with pytest.raises(ValueError, match=r"accelerate launch --num_processes 4 -m training\.run"):
        ranks.join(device, 1.0)
    assert ranks.join("cpu", 1.0) == "cpu"


def test_one_device_for_all_processes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="--device cuda:1 would give one device to all processes"):
        ranks.join("cuda:1", 1.0)
