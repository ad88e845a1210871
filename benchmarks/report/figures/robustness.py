"""How similarity survives as more characters are wrong: one line per model, its spread over seeds behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import mean, stdev
from typing import TYPE_CHECKING

from benchmarks.report.figures.style import label_ends, looks, styled
from benchmarks.store import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_RATE = re.compile(r"(\d+(?:\.\d+)?) %")


def curve(result: Result) -> list[tuple[float, float, float]]:
    """Return (rate in per cent, mean, standard deviation over seeds) of the metrics that are rates, by rate."""
    points = []
    for metric, seeds in result.scores.items():
        rate = _RATE.fullmatch(metric)
        if rate or metric == "clean":
            values = list(seeds.values())
            points.append((float(rate[1]) if rate else 0.0, mean(values), stdev(values) if len(values) > 1 else 0.0))
    return sorted(points)


def robustness(results: Sequence[Result]) -> Figure | None:
    """Draw Spearman's correlation over the rate of wrong characters; None where there is nothing to draw."""
    curves = {result.model: points for result in results if len(points := curve(result)) > 1}
    if not curves:
        return None
    look = looks(curves)
    with styled() as pyplot:
        figure, axes = pyplot.subplots(figsize=(8.4, 4.8))
        for name, points in sorted(curves.items(), key=lambda item: look[item[0]].linewidth):
            rates, means, spreads = (list(column) for column in zip(*points, strict=True))
            axes.plot(rates, means, markersize=5, **look[name]._asdict())
            low, high = ([m + sign * s for m, s in zip(means, spreads, strict=True)] for sign in (-1, 1))
            axes.fill_between(rates, low, high, color=look[name].color, alpha=0.15, linewidth=0)
        axes.set(xlabel="characters wrong, per cent", ylabel="Spearman × 100", title="STS-B, both sentences mistyped")
        axes.set_xticks(sorted({point[0] for points in curves.values() for point in points}))
        figure.subplots_adjust(left=0.09, right=0.68, bottom=0.12, top=0.9)
        label_ends(axes, {name: points[-1][:2] for name, points in curves.items()}, look)
    return figure
