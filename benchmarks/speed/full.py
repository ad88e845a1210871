"""Measure everything about speed and size, part by part, and keep it as JSON."""

from __future__ import annotations

import argparse
import json
import logging
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from benchmarks.cpu import cpu
from benchmarks.peers import Candidate, Unavailable
from benchmarks.speed.compression import compressed
from benchmarks.speed.contenders import contender, reads, set_threads
from benchmarks.speed.footprint import footprints, is_from_files
from benchmarks.speed.scaling import scaling
from benchmarks.speed.shares import share_table
from benchmarks.speed.texts import MIXED
from benchmarks.speed.throughput import Setting, grid, run_cell
from benchmarks.store import provenance, write_json

logger = logging.getLogger(__name__)

SHARE_WORDS = (16, 128, MIXED)


class Run:
    """One full run: its options, and the models once loaded."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.names: list[str] = list(dict.fromkeys(args.models))
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.threads = [1, torch.get_num_threads()]  # "all" is what torch takes by itself: cores, not hyper-threads

    @cached_property
    def candidates(self) -> list[Candidate]:
        """The models; a form that needs a package that is not there is left out, and said to be."""
        return list(self.loaded.values())

    @cached_property
    def loaded(self) -> dict[str, Candidate]:
        """The models by the names they were asked for by."""
        found = {}
        for name in self.names:
            try:
                found[name] = contender(name)
            except Unavailable as error:
                logger.warning("%s is left out: %s", name, error)
        return found

    def models(self) -> dict[str, dict[str, Any]]:
        """Return what the results say of each model."""
        return {
            candidate.name: {
                "revision": candidate.revision, "parameters": candidate.parameters, "reads": reads(candidate),
            }
            for candidate in self.candidates
        }  # fmt: skip

    def path(self, part: str) -> Path:
        return self.args.out / f"{self.device}-{part}.json"

    def stored(self, part: str) -> dict[str, Any] | None:
        """Return what is stored of a part if it is of the same models and texts."""
        path = self.path(part)
        if self.args.fresh or not path.is_file():
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        same = content.get("models") == self.models() and content.get("mixed") == self.mixed
        return content if same else None

    @property
    def mixed(self) -> str:
        """What mixed texts are."""
        return "docstrings, uncut" if self.args.data is None else "Banking77, STS-B, XQuAD questions and paragraphs"

    def write(self, part: str, content: dict[str, Any]) -> None:
        head = {"models": self.models(), "mixed": self.mixed, "rounds": self.args.rounds, "cores": os.cpu_count()}
        head |= {"cpu": cpu()}
        write_json(self.path(part), head | content | {"provenance": provenance("benchmarks.speed")})


def throughput(run: Run) -> None:
    """Measure the grid, cell by cell."""
    args = run.args
    stored = run.stored("throughput") or {"cells": []}
    cells = {Setting(cell["words"], cell["kind"], cell["threads"]): cell for cell in stored["cells"]}
    settings = [setting for setting in grid(run.threads) if setting.kind in args.kinds]
    for setting in tqdm(settings, desc="throughput", unit="cell"):
        if setting not in cells:
            cells[setting] = run_cell(run.candidates, setting, data=args.data, rounds=args.rounds, seconds=args.seconds)
            run.write("throughput", {"cells": list(cells.values())})


def growth(run: Run) -> None:
    """Measure how cost grows."""
    if run.stored("scaling") is None:
        found = scaling(run.candidates, rounds=run.args.rounds, seconds=run.args.seconds, threads=run.threads[-1])
        run.write("scaling", found)


def steps(run: Run) -> None:
    """Measure where the time goes."""
    if run.stored("shares") is None:
        run.write("shares", {"words": share_table(run.candidates, SHARE_WORDS, run.args.data, 256)})


def processes(run: Run) -> None:
    """Measure what a process pays, for models that load from files: the others are built as they are loaded."""
    if run.stored("footprint") is None:
        found = footprints([name for name in run.loaded if is_from_files(name)], rounds=min(3, run.args.rounds))
        run.write("footprint", {"processes": {run.loaded[name].name: own for name, own in found.items()}})


def compression(run: Run) -> None:
    """Measure what int8 and a table cost and bring, on one thread."""
    if run.stored("compression") is None:
        for candidate in run.candidates:
            set_threads(candidate, 1)
        run.write("compression", {"forms": compressed(run.candidates, rounds=run.args.rounds)})


PARTS: dict[str, Callable[[Run], None]] = {
    "throughput": throughput, "scaling": growth, "shares": steps, "footprint": processes,
    "compression": compression,
}  # fmt: skip


def run_full(args: argparse.Namespace) -> None:
    """Measure the parts that are asked for and not stored yet."""
    run = Run(args)
    for part in args.parts:
        PARTS[part](run)
