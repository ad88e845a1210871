"""What a process pays before and beside the texts.

Seconds to import, to load, for the first text and for the one after; the most memory that the process ever held. Each
model has a process of its own, for imports and memory are never given back.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path

from tiered_st.model import pretrained

# Nothing of the benchmarks is imported before the library, for it would bring the library along.
PROGRAM = """
import sys, time
start = time.perf_counter()
import {library}
imported = time.perf_counter() - start
import json
from benchmarks.speed.footprint import footprint
print(json.dumps(footprint(sys.argv[1], imported)))
"""
TEXT, OTHER = "Where is the nearest station?", "What time does the last train leave?"


def peak_mebibytes() -> float:
    """Return the most resident memory of this process.

    Linux is asked in /proc: what `getrusage` says there includes the peak of the process that this one was forked from.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def footprint(name: str, imported: float) -> dict[str, float]:
    """Measure a model in this process, which should be a fresh one that took ``imported`` seconds to import."""
    contender = import_module("benchmarks.speed.contenders").contender  # what this imports is no cost of the model
    marks = [time.perf_counter()]
    candidate = contender(name)
    marks.append(time.perf_counter())
    for text in (TEXT, OTHER):
        candidate.encode([text], batch_size=1, show_progress_bar=False)
        marks.append(time.perf_counter())
    loaded, first, second = (b - a for a, b in pairwise(marks))
    return {"import": imported, "load": loaded, "first": first, "second": second, "memory": peak_mebibytes()}


def footprints(names: Sequence[str], *, rounds: int) -> dict[str, dict[str, float]]:
    """Return the median over rounds of what each model pays; rounds are interleaved, the first is not counted."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(rounds + 1):
        for name, own in found.items():
            library = "tiered_st.model" if name in pretrained() or Path(name).is_dir() else "sentence_transformers"
            command = [sys.executable, "-c", PROGRAM.format(library=library), name]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ValueError(f"{name} could not be measured in a process of its own: {done.stderr.strip()[-300:]}")
            if number:
                own.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: {key: statistics.median(each[key] for each in own) for key in own[0]} for name, own in found.items()}
