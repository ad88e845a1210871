"""Render stored results as tables and plots: ``python -m benchmarks.report [--aims] [--plots] [--write]``.

Tables are printed; with ``--aims`` no others than what the models were to reach and do reach. ``--plots`` draws all
figures, of the ablations too; ``--write`` puts the tables into RESULTS.md, and short ones into the README and the cards
of the shipped models.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report.aim_tables import TABLES
from benchmarks.report.aims import aims
from benchmarks.report.choice import newest, shipped_revisions
from benchmarks.report.markdown import write_between
from benchmarks.report.model_aims import model_aims
from benchmarks.report.scale import reckoned, render_scale, scale_summary
from benchmarks.report.scale_aims import scale_aims
from benchmarks.report.speed import render_speed
from benchmarks.report.speed_aims import speed_aims
from benchmarks.report.summary import write_summary
from benchmarks.report.tables import render, sizes_of
from benchmarks.scale.stored import read_scale
from benchmarks.speed.stored import read_speed
from benchmarks.store import RESULTS, Result, read
from benchmarks.suites import suites

ROOT = Path(__file__).parents[2]
PLOTS = Path(__file__).parents[1] / "plots"


def draw(results: Sequence[Result], folder: Path, plots: Path) -> list[Path]:
    """Draw all figures that there are results for; return their files."""
    from benchmarks.report import ablation
    from benchmarks.report.figures import draw_all

    files = draw_all(results, read_speed(folder / "speed"), plots, read_scale(folder / "scale"))
    if any((folder / "ablations").glob("*.json")):
        files += ablation.plot(folder / "ablations", plots / ablation.PLOT.stem)
    return files


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables of stored results; return the exit status."""
    known = suites()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--suite", choices=[*known, "speed", "scale", "all"], default="all")
    parser.add_argument("--aims", action="store_true", help="print the tables of aims alone")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FOLDER", help="where the results are")
    parser.add_argument(
        "--plots", nargs="?", type=Path, const=PLOTS, metavar="FOLDER", help="default: benchmarks/plots"
    )
    parser.add_argument("--write", nargs="?", type=Path, const=ROOT, metavar="ROOT", help="default: this checkout")
    options = parser.parse_args(argv)
    results = [read(path) for path in sorted(options.out.glob("*.json"))]
    speed, scale = read_speed(options.out / "speed"), read_scale(options.out / "scale")
    if not results and not speed and not scale:
        print(f"error: no results in {options.out}: run python -m benchmarks.run first", file=sys.stderr)
        return 2
    shipped = shipped_revisions(results)
    chosen = {name: newest((result for result in results if result.suite == name), shipped) for name in known}
    sizes = sizes_of(result for found in chosen.values() for result in found)
    filled = {name: model_aims(aimed, chosen, speed, shipped) for name, aimed in TABLES.items()}
    wanted = [name for name in known if chosen[name] and options.suite in (name, "all")]
    blocks = [render(chosen[name], known[name], shipped, sizes) for name in wanted]
    if speed and options.suite in ("speed", "all"):
        blocks.append(render_speed(speed))
    tables = "\n".join(blocks)
    if options.aims:
        print("\n\n".join(f"## {TABLES[name].title}\n\n{text}" for name, text in filled.items()))
    else:
        print(tables)
    if not options.aims and scale and options.suite in ("scale", "all"):
        print(render_scale(scale))
    try:
        if options.write:
            page = options.write / "benchmarks" / "RESULTS.md"
            write_between(page, "tables", tables)
            write_between(page, "aims", aims(chosen, speed))
            for name, text in filled.items():
                write_between(page, name, text)
            write_between(page, "speed aims", speed_aims(chosen, speed))
            if scale:
                write_between(page, "scale aims", scale_aims(scale))
                write_between(page, "scale", render_scale(scale))
                write_between(options.write / "README.md", "scale", scale_summary(scale))
                write_between(page.with_name("SCALE.md"), "arithmetic", reckoned(scale))
            write_summary(chosen, speed, options.write, shipped)
        if options.plots:
            for path in draw([result for found in chosen.values() for result in found], options.out, options.plots):
                print(f"drawn: {path.name}", file=sys.stderr)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
