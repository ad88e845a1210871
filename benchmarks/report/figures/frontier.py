"""Quality against speed: which models no other beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean
from typing import TYPE_CHECKING, Any

from benchmarks.report.figures.style import CLEAN, INK, NOISY, OURS, looks, styled
from benchmarks.speed.stored import BATCH, median_of, parts_of
from benchmarks.store import Result
from tiered_st.model import pretrained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WORDS = 16  # a sentence
NEAR, ABOVE, LINE = 75.0, 12.0, 12.0  # points: names nearer than this may meet; over a point; between names
METRICS = {"clean": CLEAN, "10 %": NOISY}


def undominated(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the points that no other equals or beats in both coordinates, by the first coordinate."""
    best = [i for i, (x, y) in enumerate(points) if not any(u >= x and v >= y and (u, v) != (x, y) for u, v in points)]
    return sorted(best, key=lambda i: points[i])


def _label(axes: Axes, points: dict[str, tuple[float, float]]) -> None:
    """Write each model's name above its point; of names side by side the upper gives way, the limits being settled."""
    places = {name: axes.transData.transform(point) * 72 / axes.figure.dpi for name, point in points.items()}
    groups: list[list[str]] = []
    for name in sorted(places, key=lambda name: float(places[name][0])):
        near = groups and places[name][0] - places[groups[-1][-1]][0] < NEAR
        groups[-1].append(name) if near else groups.append([name])
    for group in groups:
        height = 0.0
        for name in sorted(group, key=lambda name: float(places[name][1])):
            height = max(height + LINE, float(places[name][1]) + ABOVE)
            axes.annotate(
                name, points[name], xytext=(0, height - places[name][1]), textcoords="offset points", ha="center",
                fontsize=9, color=INK, fontweight="bold" if name in pretrained() else "normal",
            )  # fmt: skip


def frontier(results: Sequence[Result], speed: dict[str, dict[str, Any]]) -> Figure | None:
    """Draw similarity, clean and mistyped, over texts per second; None where no model has both."""
    parts = parts_of(speed, "throughput")
    cells = [cell for _, part in parts for cell in part["cells"] if (cell["words"], cell["kind"]) == (WORDS, BATCH)]
    if not cells:
        return None
    cell = max(cells, key=lambda cell: cell["threads"])
    speeds = {result.model: median_of(cell, result.model) for result in results}
    drawn = [result for result in results if speeds[result.model] and all(m in result.scores for m in METRICS)]
    if not drawn:
        return None
    look = looks(result.model for result in drawn)
    with styled() as pyplot:
        figure, axes = pyplot.subplots(figsize=(8.4, 4.8))
        for metric, color in METRICS.items():
            points = [(speeds[result.model] or 0.0, mean(result.scores[metric].values())) for result in drawn]
            best = [points[i] for i in undominated(points)]
            axes.plot(*zip(*best, strict=True), color=color, linewidth=1.2, alpha=0.6, linestyle="--", zorder=1)
            for result, (x, y) in zip(drawn, points, strict=True):
                mine = look[result.model].color == OURS
                marker = "o" if metric == "clean" else "s"
                axes.scatter(x, y, color=color, marker=marker, s=90 if mine else 40, zorder=2)
                if metric == "clean":
                    noisy = mean(result.scores["10 %"].values())
                    axes.plot([x, x], [y, noisy], color=INK, linewidth=0.8, alpha=0.5, zorder=0)
            axes.scatter([], [], color=color, marker=marker, label="clean" if metric == "clean" else f"{metric} wrong")
        axes.set(
            xscale="log", xlabel=f"texts of {WORDS} words per second, threads: {cell['threads']}, best batch",
            ylabel="STS-B, Spearman × 100", title="Quality against speed",
        )  # fmt: skip
        axes.margins(x=0.18, y=0.12)
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)  # above: it covers no point there
        figure.tight_layout()
        clean = {result.model: (speeds[result.model] or 0.0, mean(result.scores["clean"].values())) for result in drawn}
        _label(axes, clean)
    return figure
