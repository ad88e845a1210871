"""Render stored results as tables and plots: ``python -m benchmarks.report [--plots] [--write]``.

Tables are printed. ``--plots`` draws all figures, of the ablations too; ``--write`` puts the tables into RESULTS.md,
and short ones into the README and the cards of the shipped models.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean

from benchmarks.report.aims import aims
from benchmarks.report.markdown import markdown, mean_and_spread, write_between
from benchmarks.report.summary import write_summary
from benchmarks.speed.stored import read_speed
from benchmarks.speed.tables import render_speed
from benchmarks.store import RESULTS, Result, read
from benchmarks.suites import Suite, suites

ROOT = Path(__file__).parents[2]
PLOTS = Path(__file__).parents[1] / "plots"


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
        having = [result for result in results if result.scores.get(metric)]  # the others' cells stay empty
        common = set.intersection(*(set(result.scores[metric]) for result in having)) if having else set()
        shared[metric] = sorted((seed for seed in common if seeds is None or int(seed) < seeds), key=int)
        for seed in shared[metric]:
            if len({result.checksums[metric][seed] for result in having}) > 1:
                raise ValueError(
                    f"results of {', '.join(result.model for result in having)} in suite {suite.name!r} come from "
                    "different texts: run all models in one command."
                )
    header = ["model", "M parameters", *suite.metrics]
    rows = [[result.model, f"{result.parameters / 1e6:.1f}"] for result in results]
    for result, row in zip(results, rows, strict=True):
        values = {
            metric: [result.scores[metric][seed] for seed in used if metric in result.scores]
            for metric, used in shared.items()
        }
        row += [mean_and_spread(found) for found in values.values()]
        for noisy, clean in suite.retained:
            pair = [mean(values[metric] or [0.0]) for metric in (noisy, clean)]
            row.append(f"{100 * pair[0] / pair[1]:.1f} %" if values[noisy] and pair[1] else "–")
        if suite.curve:
            measured = all(values[metric] for metric in suite.curve)
            row.append(
                f"{area({rate: mean(values[metric]) for metric, rate in suite.curve.items()}):.1f}" if measured else "–"
            )
        for metrics in suite.means.values():
            measured = all(values[metric] for metric in metrics)
            row.append(f"{mean(mean(values[metric]) for metric in metrics):.1f}" if measured else "–")
    header += [f"retained at {noisy}" for noisy, _ in suite.retained] + ["area"] * bool(suite.curve) + [*suite.means]
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


def draw(results: Sequence[Result], folder: Path, plots: Path) -> list[Path]:
    """Draw all figures that there are results for; return their files."""
    from benchmarks.report import ablation
    from benchmarks.report.figures import draw_all

    files = draw_all(results, read_speed(folder / "speed"), plots)
    if any((folder / "ablations").glob("*.json")):
        files += ablation.plot(folder / "ablations", plots / ablation.PLOT.stem)
    return files


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables of stored results; return the exit status."""
    known = suites()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--suite", choices=[*known, "speed", "all"], default="all")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FOLDER", help="where the results are")
    parser.add_argument(
        "--plots", nargs="?", type=Path, const=PLOTS, metavar="FOLDER", help="default: benchmarks/plots"
    )
    parser.add_argument("--write", nargs="?", type=Path, const=ROOT, metavar="ROOT", help="default: this checkout")
    options = parser.parse_args(argv)
    results = [read(path) for path in sorted(options.out.glob("*.json"))]
    chosen = {name: newest(result for result in results if result.suite == name) for name in known}
    speed = read_speed(options.out / "speed")
    if not results and not speed:
        print(f"error: no results in {options.out}: run python -m benchmarks.run first", file=sys.stderr)
        return 2
    wanted = [name for name in known if chosen[name] and options.suite in (name, "all")]
    blocks = [render(chosen[name], known[name]) for name in wanted]
    if speed and options.suite in ("speed", "all"):
        blocks.append(render_speed(speed))
    tables = "\n".join(blocks)
    print(tables)
    try:
        if options.write:
            page = options.write / "benchmarks" / "RESULTS.md"
            write_between(page, "tables", tables)
            write_between(page, "aims", aims(chosen, speed))
            write_summary(chosen, speed, options.write)
        if options.plots:
            for path in draw([result for found in chosen.values() for result in found], options.out, options.plots):
                print(f"drawn: {path.name}", file=sys.stderr)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
