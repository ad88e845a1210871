"""What a process pays before and beside the texts: see `benchmarks.fresh_process`.

Each model has a process of its own, on one thread, for imports and memory are never given back.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.peers import resolve, split
from benchmarks.peers.int8 import place_of
from benchmarks.peers.minilm import minilm_path
from benchmarks.speed.texts import texts_of
from tiered_st.fingerprint import weights_fingerprint
from tiered_st.model import pretrained

TEXTS, WORDS = 1_000, 16  # what is encoded before memory is read


def is_from_files(name: str) -> bool:
    """Tell whether a model is loaded from files, and not built when it is asked for."""
    base, form = split(name)
    return form not in ("bf16", "onnx-fp32") and (base in pretrained() or base == "minilm" or Path(base).is_dir())


def process_of(name: str) -> tuple[str, str]:
    """Return the kind and the argument by which `benchmarks.fresh_process` loads a model."""
    base, form = split(name)
    runtime = form.removesuffix("-int8")
    if base == "minilm":
        if not form:
            return "sentence-transformers", minilm_path()
        resolve(name)  # made, where it is not yet
        return f"graph-{runtime}", str(place_of(runtime, weights_fingerprint(resolve(base).model)))
    return {"": "torch", "onnx": "runtime"}.get(runtime, runtime), base


def footprints(names: Sequence[str], *, rounds: int) -> dict[str, dict[str, float]]:
    """Return the median over rounds of what each model pays; rounds are interleaved, the first is not counted."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    processes = {name: process_of(name) for name in names}
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with TemporaryDirectory() as folder:
        few, all_of_them = (Path(folder) / f"{count}.json" for count in (2, TEXTS))
        for path in (few, all_of_them):
            path.write_text(json.dumps(list(islice(texts_of(WORDS, 0.0), int(path.stem)))), encoding="utf-8")
        for number in range(rounds + 1):
            for name, own in found.items():
                texts = str(all_of_them if number else few)  # the first round brings the files into memory
                command = [sys.executable, "-m", "benchmarks.fresh_process", *processes[name], texts]
                done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
                if done.returncode:
                    raise ValueError(
                        f"{name} could not be measured in a process of its own: {done.stderr.strip()[-300:]}"
                    )
                if number:
                    own.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: {key: statistics.median(each[key] for each in own) for key in own[0]} for name, own in found.items()}
