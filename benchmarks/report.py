"""Render stored results as markdown tables: ``python -m benchmarks.report [--suite NAME] [--out FOLDER]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev

from benchmarks.store import RESULTS, Result, read
from benchmarks.tasks import Suite, suites


def table(results: Sequence[Result], suite: Suite, *, seeds: int | None = None) -> str:
    """Render the results of one suite as a markdown table.

    Means are taken over the seeds that all rows share, so that every row speaks of the same texts.

    Args:
        results: One per model.
        suite: The suite they are of.
        seeds: Use only the seeds below this number.

    Raises:
        ValueError: If two results come from different texts.
    """
    shared: dict[str, list[str]] = {}
    for metric in suite.metrics:
        found = [set(result.scores.get(metric, {})) for result in results]
        common = set.intersection(*found) if found else set()
        shared[metric] = sorted((seed for seed in common if seeds is None or int(seed) < seeds), key=int)
        for seed in shared[metric]:
            if len({result.checksums[metric][seed] for result in results}) > 1:
                raise ValueError(
                    f"results of {', '.join(result.model for result in results)} in suite {suite.name!r} come from "
                    "different texts: run all models in one command."
                )
    header = ["model", "M parameters", *suite.metrics]
    rows = [[result.model, f"{result.parameters / 1e6:.1f}"] for result in results]
    for result, row in zip(results, rows, strict=True):
        values = {metric: [result.scores[metric][seed] for seed in used] for metric, used in shared.items()}
        row += [_cell(found) for found in values.values()]
        for noisy, clean in suite.retained:
            pair = [mean(values[metric] or [0.0]) for metric in (noisy, clean)]
            row.append(f"{100 * pair[0] / pair[1]:.1f} %" if values[noisy] and pair[1] else "–")
        if suite.curve:
            measured = all(values[metric] for metric in suite.curve)
            row.append(
                f"{area({rate: mean(values[metric]) for metric, rate in suite.curve.items()}):.1f}" if measured else "–"
            )
    header += [f"retained at {noisy}" for noisy, _ in suite.retained] + ["area"] * bool(suite.curve)
    if suite.tall:
        header, *rows = (list(row) for row in zip(header, *rows, strict=True))
    return markdown(header, rows)


def area(curve: Mapping[float, float]) -> float:
    """Return the area under a curve of {rate: score} by trapezoids, divided by its width: the mean score over rates.

    Raises:
        ValueError: If there are fewer than two rates.
    """
    points = sorted(curve.items())
    if len(points) < 2:
        raise ValueError(f"a curve needs at least two rates, got {[rate for rate, _ in points]}")
    pieces = ((b - a) * (low + high) / 2 for (a, low), (b, high) in pairwise(points))
    return sum(pieces) / (points[-1][0] - points[0][0])


def newest(results: Iterable[Result]) -> list[Result]:
    """Keep the newest result of each model, in order of first appearance."""
    kept: dict[str, Result] = {}
    for result in sorted(results, key=lambda result: str(result.provenance.get("date", ""))):
        kept[result.model] = result
    return list(kept.values())


def render(results: Sequence[Result], suite: Suite) -> str:
    """Return title, table and provenance of one suite."""
    lines = [f"## {suite.title}", "", table(results, suite), ""]
    counts = {len(seeds) for result in results for seeds in result.scores.values()}
    lines.append(f"{results[0].data}; suite `{suite.name}`, {max(counts, default=0)} seeds.")
    for result in results:
        made, versions = result.provenance, result.provenance.get("versions", {})
        precision = "bf16" if result.settings.get("bf16") else "fp32"
        lines.append(
            f"- {result.model}: weights `{result.revision}`, {precision}, {made.get('date', '?')[:10]}, commit "
            f"`{made.get('commit', '?')}`, texts `{result.checksum[:16]}`, sentence-transformers "
            f"{versions.get('sentence-transformers', '?')}, torch {versions.get('torch', '?')}: "
            f"`{made.get('command', '?')}`"
        )
    return "\n".join(lines) + "\n"


def _cell(values: Sequence[float]) -> str:
    """Write mean ± standard deviation over seeds."""
    if not values:
        return "–"
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align a table so that it reads well as plain text too."""
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (header, *rows)]
    rule = ["-" * width if place == 0 else "-" * (width - 1) + ":" for place, width in enumerate(widths)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (lines[0], rule, *lines[1:]))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables of stored results; return the exit status."""
    known = suites()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("--suite", choices=[*known, "all"], default="all")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FOLDER", help="where the results are")
    options = parser.parse_args(argv)
    results = [read(path) for path in sorted(options.out.glob("*.json"))]
    for suite in known.values():
        chosen = newest(result for result in results if result.suite == suite.name)
        if chosen and options.suite in (suite.name, "all"):
            print(render(chosen, suite))
    if not results:
        print(f"error: no results in {options.out}: run python -m benchmarks.run first", file=sys.stderr)
    return 0 if results else 2


if __name__ == "__main__":
    sys.exit(main())
