"""Keep what the commands of this package measure, a JSON file each, and read it again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.cpu import cpu
from benchmarks.store import LIBRARIES, provenance, write_json

SCALE = Path(__file__).parents[1] / "results" / "scale"
MORE = ("faiss-cpu", "ray", "pyarrow", "onnxruntime")  # versions that these figures depend on
Stored = Mapping[str, Mapping[str, Any]]


def read_scale(folder: Path = SCALE) -> dict[str, dict[str, Any]]:
    """Return what is stored, by the names of the commands."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def write_scale(folder: Path, command: str, content: Mapping[str, Any], *, seed: int) -> Path:
    """Write what a command measured, with where it comes from; return the file.

    Args:
        folder: Where results are.
        command: Its name in this package.
        content: What it measured.
        seed: Of its texts or vectors.
    """
    made = provenance(f"benchmarks.scale.{command}")
    made["versions"] |= versions_of(MORE)
    path = folder / f"{command}.json"
    write_json(path, {"seed": seed, "cores": os.cpu_count(), "cpu": cpu(), **content, "provenance": made})
    return path


def versions_of(libraries: tuple[str, ...] = LIBRARIES) -> dict[str, str]:
    """Return the versions of those that are installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for library in libraries:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
