"""Figures drawn from stored results, the same file from the same results: ``python -m benchmarks.report --plots``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report.figures.architecture import architecture
from benchmarks.report.figures.frontier import frontier
from benchmarks.report.figures.operators import operators
from benchmarks.report.figures.robustness import robustness
from benchmarks.report.figures.scale import indexes, memory
from benchmarks.report.figures.scaling import scaling
from benchmarks.report.figures.style import save
from benchmarks.store import Result

PLOTS = Path(__file__).parents[2] / "plots"


def draw_all(
    results: Sequence[Result],
    speed: dict[str, dict[str, Any]],
    folder: Path = PLOTS,
    scale: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Path]:
    """Draw every figure that there are results for.

    Args:
        results: The newest of each model and suite.
        speed: As `benchmarks.speed.stored.read_speed` returns it.
        folder: Where the figures go.
        scale: As `benchmarks.scale.stored.read_scale` returns it.

    Returns:
        The files.
    """
    by_suite: dict[str, list[Result]] = {}
    for result in results:
        by_suite.setdefault(result.suite, []).append(result)
    figures = {
        "architecture": architecture(),
        "robustness": robustness(by_suite.get("typo", [])),
        "operators": operators(by_suite.get("operators", [])),
        "unseen_noise": operators(by_suite.get("unseen_noise", []), title="Noise that training never used"),
        "frontier": frontier(by_suite.get("typo", []), speed),
        "scaling": scaling(speed),
        "scale_memory": memory(scale or {}),
        "scale_indexes": indexes(scale or {}),
    }
    return [path for name, figure in figures.items() if figure is not None for path in save(figure, folder / name)]
