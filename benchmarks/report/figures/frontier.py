"""Quality against speed: which models no other beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean
from typing import TYPE_CHECKING, Any

from benchmarks.report.figures.style import CLEAN, INK, NOISY, is_ours, spread_out, styled
from benchmarks.speed.stored import BATCH, median_of, parts_of
from benchmarks.store import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WORDS = 16  # a sentence
SLOPE, ABOVE, GAP = 40, 8.0, 17.0  # of names: degrees; points over the axes, and from one to the next
TITLE = 112.0  # points over the axes, and over the names
LINE = {"arrowstyle": "-", "color": INK, "linewidth": 0.6, "alpha": 0.6, "relpos": (0, 0), "shrinkA": 0, "shrinkB": 5}
METRICS = {"clean": CLEAN, "10 %": NOISY}


def undominated(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the points that no other equals or beats in both coordinates, by the first coordinate."""
    best = [i for i, (x, y) in enumerate(points) if not any(u >= x and v >= y and (u, v) != (x, y) for u, v in points)]
    return sorted(best, key=lambda i: points[i])


def _label(axes: Axes, points: dict[str, tuple[float, float]]) -> None:
    """Write the models' names above the axes, a line from each to its point: there they meet neither points nor others.

    The limits have to be settled.
    """
    places = {name: axes.transData.transform(point) * 72 / axes.figure.dpi for name, point in points.items()}
    top = axes.bbox.y1 * 72 / axes.figure.dpi + ABOVE
    for (name, (x, y)), at in zip(places.items(), spread_out([float(x) for x, _ in places.values()], GAP), strict=True):
        axes.annotate(
            name, points[name], xytext=(at - x, top - y), textcoords="offset points", rotation=SLOPE, ha="left",
            va="bottom", rotation_mode="anchor", fontsize=9, color=INK,
            fontweight="bold" if is_ours(name) else "normal",
            annotation_clip=False, arrowprops=LINE,
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
    with styled() as pyplot:
        figure, axes = pyplot.subplots(figsize=(9.6, 6.4))
        for metric, color in METRICS.items():
            points = [(speeds[result.model] or 0.0, mean(result.scores[metric].values())) for result in drawn]
            best = [points[i] for i in undominated(points)]
            axes.plot(*zip(*best, strict=True), color=color, linewidth=1.2, alpha=0.6, linestyle="--", zorder=1)
            for result, (x, y) in zip(drawn, points, strict=True):
                mine = is_ours(result.model)
                marker = "o" if metric == "clean" else "s"
                axes.scatter(x, y, color=color, marker=marker, s=90 if mine else 40, zorder=2)
                if metric == "clean":
                    noisy = mean(result.scores["10 %"].values())
                    axes.plot([x, x], [y, noisy], color=INK, linewidth=0.8, alpha=0.5, zorder=0)
            axes.scatter([], [], color=color, marker=marker, label="clean" if metric == "clean" else f"{metric} wrong")
        axes.set(
            xscale="log", xlabel=f"texts of {WORDS} words per second, threads: {cell['threads']}, best batch",
            ylabel="STS-B, Spearman × 100",
        )  # fmt: skip
        axes.set_title("Quality against speed", pad=TITLE)
        axes.margins(x=0.06, y=0.12)
        axes.legend(loc="upper right", bbox_to_anchor=(1.0, -0.08), ncols=2)  # below: it covers no point there
        figure.tight_layout()
        clean = {result.model: (speeds[result.model] or 0.0, mean(result.scores["clean"].values())) for result in drawn}
        _label(axes, clean)
    return figure
