"""Keep results as JSON: one file per model and suite, written after every condition, reused where nothing changed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.peers import Candidate
from benchmarks.suite import Condition
from tiered_st.evaluation import digest
from tiered_st.files import replace_file

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("tiered-st", "sentence-transformers", "transformers", "torch", "numpy", "scipy")


@dataclass
class Result:
    """What one suite found of one model.

    Attributes:
        model: Name shown in tables.
        revision: Hash of the weights and settings; in older results of the weights alone.
        parameters: Number of weights.
        suite: Name of the suite.
        data: Which texts and how many.
        settings: What else the scores depend on.
        scores: {metric: {seed: score}}.
        checksums: {metric: {seed: SHA-256 of the texts and labels}}.
        checksum: SHA-256 of all checksums.
        provenance: Date, commit, command and library versions of the last measurement.
        disk_bytes: Size of its files of weights and tokenizer; 0 where it has none, and in older results.
    """

    model: str
    revision: str
    parameters: int
    suite: str
    data: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    checksums: dict[str, dict[str, str]] = field(default_factory=dict)
    checksum: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)
    disk_bytes: int = 0

    def has(self, condition: Condition, checksum: str) -> bool:
        """Tell whether a condition was scored on these very texts."""
        stored = self.checksums.get(condition.metric, {}).get(str(condition.seed))
        return stored == checksum and str(condition.seed) in self.scores.get(condition.metric, {})

    def add(self, condition: Condition, score: float, checksum: str) -> None:
        """Record a score."""
        self.scores.setdefault(condition.metric, {})[str(condition.seed)] = score
        self.checksums.setdefault(condition.metric, {})[str(condition.seed)] = checksum
        self.checksum = digest(sum for seeds in self.checksums.values() for sum in seeds.values())


Stored = Mapping[str, Sequence[Result]]  # the newest result of every model, by suite


def values_of(stored: Stored, model: str, suite: str, metric: str) -> list[float]:
    """Return a model's scores of a metric, one per seed, none where it was not measured."""
    found = [result.scores.get(metric, {}) for result in stored.get(suite, ()) if result.model == model]
    return list(found[0].values()) if found else []


def path_of(folder: Path, candidate: Candidate, suite: str, *, former: bool = True) -> Path:
    """Return the file for a model and suite, named by the model and its revision.

    Where there is none, it may be one that is named by the former revision, of the weights alone.
    """
    name = re.sub(r"[^\w.-]+", "_", candidate.name)
    path, older = (folder / f"{name}-{at}-{suite}.json" for at in (candidate.revision, candidate.former_revision))
    return older if former and older.is_file() and not path.is_file() else path


def read(path: Path) -> Result:
    """Read a result.

    Raises:
        ValueError: If the file is damaged; the text says what to do.
    """
    try:
        return Result(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is not a result of this benchmark ({error}): delete it and run again.") from None


def write(path: Path, result: Result) -> None:
    """Write a result."""
    write_json(path, asdict(result))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON beside its place, then rename it: a kill leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as beside:
        beside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def provenance(program: str = "benchmarks.run") -> dict[str, Any]:
    """Return date, commit, command line and versions of this run of ``program``."""
    versions = {"python": sys.version.split()[0]}
    for library in LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:  # a checkout that was never installed
            versions[library] = "not installed"
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": _commit(),
        "command": " ".join([f"python -m {program}", *_anywhere(sys.argv[1:])]),
        "versions": versions,
    }


@cache  # the code that runs is the one of the start
def _commit() -> str:
    """Return the commit of this checkout, with "-dirty" where tracked files differ from it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # no git, or not a checkout
        return "unknown"


def _anywhere(arguments: list[str]) -> list[str]:
    """Write folders as DIR: where they lie on one machine is no part of the command."""
    pairs = zip(["", *arguments], arguments, strict=False)
    return ["DIR" if before in ("--data", "--runs", "--out", "--work") else argument for before, argument in pairs]
