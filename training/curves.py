"""Draw what a log says: the loss over the steps of all stages and, where they were judged, the judges' figures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiered_st.files import replace_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#7a828c"  # reads on white and on black, as in benchmarks/plots
COLORS = ("#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8c6bb1", "#a0522d", "#d55e00")  # Okabe & Ito's
MAIN = "#d55e00"
POINTS = 150  # of a stage's loss: more would not be seen, and make the file large
_SETTINGS: Any = {
    "font.family": "sans-serif", "font.size": 10, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK,
    "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "grid.color": INK, "grid.alpha": 0.22, "grid.linewidth": 0.6, "axes.axisbelow": True, "figure.facecolor": "none",
    "axes.facecolor": "none", "savefig.facecolor": "none", "legend.frameon": False,
    "svg.fonttype": "none", "svg.hashsalt": "tiered_st",  # text as text, and the same log makes the same file
}  # fmt: skip


def draw(log: Sequence[dict[str, Any]], path: Path) -> None:
    """Write an SVG of a log's curves.

    Args:
        log: the lines, as training.log reads them.
        path: the file to write, whole.

    Raises:
        ValueError: If no line has a loss, or the file is not to be an SVG.
    """
    if path.suffix != ".svg":
        raise ValueError(f"{path}: curves are drawn as SVG, name a file that ends so.")
    losses = [line for line in log if "loss" in line]
    if not losses:
        raise ValueError("The log has no line with a loss, so there is no curve to draw.")
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    starts, length = _starts(log)
    judged = [line for line in log if "judged" in line]
    with matplotlib.rc_context(_SETTINGS):
        rows = 2 if judged else 1
        figure, grid = pyplot.subplots(
            rows, 1, sharex=True, squeeze=False, figsize=(8.4, 2.4 + 2.2 * (rows - 1)), layout="constrained"
        )
        for axes in grid[:, 0]:
            for start in starts.values():
                if start:
                    axes.axvline(start, color=INK, linewidth=0.8, linestyle=":")
        _draw_losses(grid[0, 0], losses, starts)
        if judged:
            _draw_judged(grid[1, 0], judged, starts)
        for stage, start in starts.items():
            grid[0, 0].annotate(
                stage, (start, 1.0), xycoords=("data", "axes fraction"), xytext=(3, 3), textcoords="offset points",
                fontsize=9,
            )  # fmt: skip
        grid[-1, 0].set(xlabel="step", xlim=(0, length))
        with replace_file(path) as beside:
            figure.savefig(beside, format="svg", metadata={"Date": None})
        pyplot.close(figure)


def _starts(log: Sequence[dict[str, Any]]) -> tuple[dict[str, int], int]:
    """Return the step that each stage starts at, counted over all, and how many there are."""
    steps: dict[str, int] = {}
    for line in log:
        steps[line["stage"]] = max(steps.get(line["stage"], 0), line["step"])
    ends = list(accumulate(steps.values()))
    return dict(zip(steps, [0, *ends], strict=False)), ends[-1]


def _draw_losses(axes: Axes, losses: Sequence[dict[str, Any]], starts: dict[str, int]) -> None:
    for stage, start in starts.items():
        own = [(start + line["step"], line["loss"]) for line in losses if line["stage"] == stage]
        pool = max(1, -(-len(own) // POINTS))
        parts = [own[i : i + pool] for i in range(0, len(own), pool)]
        means = [(part[-1][0], sum(loss for _, loss in part) / len(part)) for part in parts]
        axes.plot(*zip(*means, strict=True), color=INK, linewidth=1.4) if means else None
    if all(line["loss"] > 0 for line in losses):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter("")
    axes.set_ylabel("loss of the stage")


def _draw_judged(axes: Axes, judged: Sequence[dict[str, Any]], starts: dict[str, int]) -> None:
    names = list(dict.fromkeys(name for line in judged for name in line["judged"]))
    lines = {name: [(line, line["judged"][name]) for line in judged if name in line["judged"]] for name in names}
    for place, (name, values) in enumerate(lines.items()):
        points = [(starts[line["stage"]] + line["step"], value) for line, value in values]
        axes.plot(
            *zip(*points, strict=True), color=COLORS[place % len(COLORS)], linewidth=1.3, marker=".", label=name,
            linestyle=("-", "--")[place // len(COLORS) % 2],
        )  # fmt: skip
    points = [(starts[line["stage"]] + line["step"], line["main"]) for line in judged]
    axes.plot(*zip(*points, strict=True), color=MAIN, linewidth=2.4, label="in all")
    for stage in starts:
        own = [line for line in judged if line["stage"] == stage]
        if own:
            best = max(own, key=lambda line: line["main"])  # the earliest of equal ones
            axes.plot(starts[stage] + best["step"], best["main"], color=MAIN, marker="o", markersize=7)
    axes.set_ylabel("judged (× 100)")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8.5)
