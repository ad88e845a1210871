"""Read what was stored of speed and size, without importing any model."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SPEED = Path(__file__).parents[1] / "results" / "speed"
# Kinds of cells: many texts in a call at each model's best batch, or one text in each call.
BATCH, MISSPELT_BATCH = "batch", "batch, misspelt"
SINGLE, WARM, COLD, MISSPELT, CHAT = "single", "single, warm", "single, cold", "single, misspelt", "chat"
MANY = (BATCH, MISSPELT_BATCH)
KINDS = (*MANY, SINGLE, WARM, COLD, MISSPELT, CHAT)


def read_speed(folder: Path = SPEED) -> dict[str, dict[str, Any]]:
    """Return the stored parts by the names of their files, such as "cpu-throughput"."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def parts_of(stored: dict[str, dict[str, Any]], part: str) -> Sequence[tuple[str, dict[str, Any]]]:
    """Return (device, content) of every device on which a part was measured."""
    return [(name.partition("-")[0], content) for name, content in stored.items() if name.endswith(f"-{part}")]


def cell_of(
    stored: Mapping[str, Mapping[str, Any]], words: int | str, kind: str, threads: int = 1
) -> dict[str, Any] | None:
    """Return a cell of the grid as it was measured on a CPU, None where it was not."""
    cells = stored.get("cpu-throughput", {}).get("cells", ())
    found = (cell for cell in cells if (cell["words"], cell["kind"], cell["threads"]) == (words, kind, threads))
    return next(found, None)


def median_of(cell: Mapping[str, Any], model: str) -> float | None:
    """Return a model's texts per second in a cell of the grid, None where it is not in it."""
    return statistics.median(cell["models"][model]["speeds"]) if model in cell["models"] else None
