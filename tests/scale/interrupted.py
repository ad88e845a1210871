"""Run `tiered-st embed` in processes of its own, and kill them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def command(source: Path, target: Path, model: str, *options: str) -> list[str]:
    """Return the command line of a run; parts are small, so that there are many moments to kill it at."""
    own = ["-o", str(target), "--model", model, "--threads", "1", "--part-rows", "8", "--quiet"]
    return [sys.executable, "-m", "tiered_st.cli", "embed", str(source), *own, *options]


def environment() -> dict[str, str]:
    """Return the environment of a run: this checkout, one thread, no network."""
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def parts_of(target: Path) -> int:
    """Return how many parts are in their places."""
    return len(list(target.glob("parts/part-*.parquet")))


def started(line: list[str]) -> subprocess.Popen[str]:
    """Start a run."""
    return subprocess.Popen(line, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True)


def ended(line: list[str]) -> subprocess.CompletedProcess[str]:
    """Run to the end."""
    return subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=300)


def kill_after_parts(run: subprocess.Popen[str], target: Path, more: int, draw: random.Random) -> bool:
    """Kill a run at a moment after it has put so many more parts in their places; return whether it was at work."""
    wanted = parts_of(target) + more
    while run.poll() is None and parts_of(target) < wanted:
        time.sleep(0.001)
    time.sleep(draw.random() * 0.02)
    alive = run.poll() is None
    run.send_signal(signal.SIGKILL)
    run.wait()
    return alive
