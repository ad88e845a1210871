"""Scale: memory of a run over its rows, and what each kind of index costs over its size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.report.figures.style import CLEAN, INK, OURS, styled
from benchmarks.scale.stored import Stored
from benchmarks.scale.watched import DRIVER, RAY, WORKER
from benchmarks.speed.timing import exponent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROCESSES = {
    DRIVER: ("the driver", CLEAN, "-"),
    WORKER: ("the larger worker", OURS, "--"),
    RAY: ("Ray's own", INK, ":"),
}
LINES = {"flat": ("#0072b2", "o"), "hnsw": ("#009e73", "s"), "ivf": ("#cc79a7", "D"), "ivf_pq": (OURS, "^")}


def memory(stored: Stored) -> Figure | None:
    """Draw the memory of driver, workers and Ray's own processes over rows; None where it was not measured."""
    content = stored.get("memory")
    if content is None:
        return None
    samples = content["samples"]
    with styled() as pyplot:
        figure, axes = pyplot.subplots(figsize=(8.4, 4.2))
        for role, (name, color, line) in PROCESSES.items():
            points = [(each["rows"], each[role]) for each in samples if each[role] and each[WORKER]]
            if points:
                axes.plot(*zip(*points, strict=True), color=color, linestyle=line, linewidth=2, label=name)
        axes.set(
            xlabel="rows done", ylabel="MB resident", ylim=(0, None),
            title=f"Memory of one run by Ray, {content['workers']} workers, {content['model']}",
        )  # fmt: skip
        axes.locator_params(axis="x", nbins=5)
        axes.xaxis.set_major_formatter(lambda rows, _: f"{rows:,.0f}")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
        figure.tight_layout()
    return figure


def indexes(stored: Stored) -> Figure | None:
    """Draw build time, time of a query and recall of each kind of index over its size, the exponents in the legend."""
    cells: list[dict[str, Any]] = list(stored.get("index", {}).get("cells", ()))
    if len({cell["count"] for cell in cells}) < 2:
        return None
    panels = [
        ("seconds to build", lambda cell: cell["build"]["seconds"], True),
        ("ms of a query, one thread", lambda cell: cell["search"]["median_ms"], True),
        ("recall@10", lambda cell: cell["search"]["recall"], False),
    ]
    with styled() as pyplot:
        figure, axes_of = pyplot.subplots(1, 3, figsize=(14.4, 4.2))
        for axes, (title, value, logarithmic) in zip(axes_of, panels, strict=True):
            for kind, (color, mark) in LINES.items():
                own = [cell for cell in cells if cell["kind"] == kind]
                if not own:
                    continue
                sizes, values = [cell["count"] for cell in own], [value(cell) for cell in own]
                grown = f"  n^{exponent(sizes, values):.2f}" if logarithmic and len(own) > 1 else ""
                axes.plot(sizes, values, color=color, marker=mark, linewidth=2, label=f"{kind}{grown}")
            axes.set(xscale="log", xlabel="vectors", title=title)
            axes.set_yscale("log") if logarithmic else axes.set_ylim(0, 1.02)
            axes.legend()
        figure.tight_layout()
    return figure
