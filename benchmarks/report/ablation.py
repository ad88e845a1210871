"""Render the ablation table and its plot: ``python -m benchmarks.report.ablation``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.ablation import FOLDER, QUESTIONS, SCORED, SPACES, place, rows_of
from benchmarks.report.figures.style import CLEAN, NOISY, save, styled
from benchmarks.report.markdown import markdown

PROBES = ("POS from E1", "POS from E2")
PLOT = Path(__file__).parents[1] / "plots" / "chunks.svg"


def read(folder: Path, question: str, row: str, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Return the stored results of a row, one per seed there is."""
    files = [folder / f"{place(question, row, seed)}.json" for seed in seeds]
    return [json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()]


def table(folder: Path, question: str, seeds: Sequence[int]) -> str:
    """Return the question's table: scores as mean over seeds, and as the range where there are several."""
    header = ["row", "M parameters", *SCORED, SPACES, *PROBES, "speed"]
    lines = []
    for row in rows_of(question):
        found = read(folder, question, row, seeds)
        if not found:
            continue
        cells = [row.replace("_", " "), f"{found[0]['parameters'] / 1e6:.1f}"]
        for metric in (*SCORED, SPACES, *PROBES):
            values = [result["scores"][metric] for result in found if metric in result["scores"]]
            spread = f" ({min(values):.1f}–{max(values):.1f})" if len(values) > 1 else ""
            cells.append(f"{mean(values):.1f}{spread}" if values else "–")
        lines.append([*cells, f"{mean(result['speed'] for result in found):.2f}"])
    return markdown(header, lines)


def plot(folder: Path, path: Path) -> list[Path]:
    """Draw quality against speed for every kind of chunk, clean and at 10 % of characters wrong; return the files."""
    colours = {"clean": CLEAN, "10 %": NOISY}
    with styled() as pyplot:
        figure, axes = pyplot.subplots(figsize=(8.4, 4.8))
        for row in rows_of("chunks"):
            for result in read(folder, "chunks", row, (0,)):
                x, scores = result["speed"], [result["scores"][metric] for metric in colours]
                axes.plot([x, x], scores, color="#999999", linewidth=1, zorder=1)
                for y, colour, marker in zip(scores, colours.values(), "os", strict=True):
                    axes.scatter(x, y, color=colour, marker=marker, zorder=2)
                name = "words" if row == "joint" else row.replace("_", " ")
                axes.annotate(name, (x, scores[0]), xytext=(0, 6), textcoords="offset points", fontsize=8, rotation=20)
        for (metric, colour), marker in zip(colours.items(), "os", strict=True):
            axes.scatter([], [], color=colour, marker=marker, label=metric)
        axes.set(xlabel="texts per second, as a multiple of words", ylabel="STS-B dev, Spearman × 100", xscale="log")
        ticks = [0.4, 0.6, 0.8, 1.0, 1.4]
        axes.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
        axes.set_xticks([], minor=True)
        axes.margins(x=0.12, y=0.15)
        axes.set_title("What a chunk should be")
        axes.legend(title="characters wrong", loc="lower left")
        figure.tight_layout()
        return save(figure, path)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables, write the plot; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report.ablation", description=__doc__)
    parser.add_argument("--results", type=Path, default=FOLDER, metavar="FOLDER")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args(argv)
    if not any(args.results.glob("*.json")):
        print(f"error: no results in {args.results}: run python -m benchmarks.ablation first", file=sys.stderr)
        return 2
    for question in QUESTIONS:
        title = (sys.modules[f"training.recipes.ablate_{question}"].__doc__ or "") if rows_of(question) else ""
        print(f"### {title.splitlines()[0]}\n\n{table(args.results, question, args.seeds)}\n")
    plot(args.results, PLOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
