"""What each kind of noise does to each model: one group of bars per metric of whatever suite is given."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev
from typing import TYPE_CHECKING

from benchmarks.report.figures.style import INK, looks, styled
from benchmarks.store import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def shared_metrics(results: Sequence[Result]) -> list[str]:
    """Return the metrics that every result has, in order of the first."""
    return [metric for metric in results[0].scores if all(metric in result.scores for result in results)]


def operators(results: Sequence[Result], *, title: str = "What each kind of noise costs") -> Figure | None:
    """Draw a bar per metric and model, with the standard deviation over seeds; None where there is nothing to draw.

    Metrics are sorted by the first model's score, the best on top.
    """
    if not results or not (metrics := shared_metrics(results)):
        return None
    look = looks(result.model for result in results)
    first = {metric: mean(results[0].scores[metric].values()) for metric in metrics}
    metrics.sort(key=lambda metric: first[metric])
    height = 0.8 / len(results)
    with styled() as pyplot:
        figure, axes = pyplot.subplots(figsize=(8.4, 1.4 + len(metrics) * (0.2 + 0.17 * len(results))))
        for place, result in enumerate(results):
            values = [list(result.scores[metric].values()) for metric in metrics]
            at = [row + 0.4 - height * (place + 0.5) for row in range(len(metrics))]
            axes.barh(
                at, [mean(found) for found in values], height=0.88 * height, color=look[result.model].color,
                xerr=[stdev(found) if len(found) > 1 else 0.0 for found in values], label=result.model,
                error_kw={"ecolor": INK, "elinewidth": 1},
            )  # fmt: skip
        axes.set_yticks(range(len(metrics)), metrics)
        axes.set(xlabel="score × 100", title=title, ylim=(-0.6, len(metrics) - 0.4))
        axes.grid(axis="y", visible=False)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=9.5)
        figure.tight_layout()
    return figure
