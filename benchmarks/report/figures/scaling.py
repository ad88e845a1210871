"""How cost grows with the length of a text and with the number of texts, the exponent beside each line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.report.figures.style import label_ends, looks, styled
from benchmarks.speed.stored import parts_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = {"length": ("words per text", "seconds per text"), "corpus": ("texts", "seconds in all")}


def scaling(speed: dict[str, dict[str, Any]]) -> Figure | None:
    """Draw both curves of the first device that has them, on logarithmic axes; None where there is none."""
    parts = parts_of(speed, "scaling")
    if not parts:
        return None
    content = parts[0][1]
    with styled() as pyplot:
        figure, panels = pyplot.subplots(1, 2, figsize=(15.0, 4.8))
        labels = []
        for axes, (key, (x, y)) in zip(panels, PANELS.items(), strict=True):
            curve, ends, styles = content[key], {}, {}
            look = looks(curve["models"])
            for name, found in curve["models"].items():
                label = f"{name}  n^{found['exponent']:.2f}"
                axes.plot(curve["sizes"], found["seconds"], markersize=4, **look[name]._asdict())
                ends[label], styles[label] = (curve["sizes"][-1], found["seconds"][-1]), look[name]
            axes.set(xscale="log", yscale="log", xlabel=x, ylabel=y, title=f"Cost over {x}")
            axes.set_xticks(curve["sizes"], [str(size) for size in curve["sizes"]])
            axes.minorticks_off()
            labels.append((ends, styles))
        figure.subplots_adjust(left=0.05, right=0.8, wspace=0.95)
        for axes, (ends, styles) in zip(panels, labels, strict=True):  # once the limits are settled
            label_ends(axes, ends, styles)
    return figure
