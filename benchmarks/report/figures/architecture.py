"""The way of a text through the model: what each part reads, and what it gives on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report.figures.style import CLEAN, INK, OURS, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHUNKS = ("i", "want", "a", "refnud")
LEFT, STEP, WIDE, HIGH = 23.0, 19.3, 17.5, 7.0  # percent of the width; rows are percent of the height
ROWS = {"chunks": 93.0, "spelling": 74.0, "vectors": 53.0, "meaning": 33.0, "embedding": 7.0}
NOTES = {  # what it is, and the class that does it
    "chunks": ("characters, chunks", "CharTokenizer,\nWordChunker"),
    "spelling": ("E1 spells", "CharEncoder,\nChunkProjector"),
    "vectors": ("chunk vectors", ""),
    "meaning": ("E2 understands", "SemanticEncoder"),
    "embedding": ("embedding", "Pooling, Normalize"),
}


def architecture() -> Figure:
    """Return the figure; it needs no results."""
    with styled() as pyplot:
        figure, axes = pyplot.subplots(figsize=(8.4, 4.4))
        axes.set(xlim=(0, 100), ylim=(0, 100))
        axes.axis("off")
        figure.subplots_adjust(0, 0, 1, 1)
        for row, (note, who) in NOTES.items():
            at = ROWS[row] + (1 if who else 0)
            axes.text(1, at, note, va="bottom" if who else "center", fontweight="bold")
            axes.text(1, at - 0.8, who, va="top", fontsize=8.5)
        for place, chunk in enumerate(CHUNKS):
            middle = LEFT + STEP * place + WIDE / 2
            _box(axes, middle, "chunks", chunk, family="DejaVu Sans Mono")
            _box(axes, middle, "spelling", "n-grams of letters,\nmemory of words", color=OURS, high=13, size=8.5)
            _vector(axes, middle, "vectors")
            _arrow(axes, middle, ROWS["chunks"] - HIGH / 2, ROWS["spelling"] + 6.5)
            _arrow(axes, middle, ROWS["spelling"] - 6.5, ROWS["vectors"] + 2.2)
            _arrow(axes, middle, ROWS["vectors"] - 2.2, ROWS["meaning"] + 4.5)
        whole = LEFT + (STEP * (len(CHUNKS) - 1) + WIDE) / 2
        wide = STEP * (len(CHUNKS) - 1) + WIDE
        _box(axes, whole, "meaning", "Transformer: every chunk looks at all others", color=CLEAN, wide=wide, high=9)
        _arrow(axes, whole, ROWS["meaning"] - 4.5, ROWS["embedding"] + 2.2)
        axes.text(whole + 1.5, 19.5, "mean, unit length", va="center", fontsize=9)
        _vector(axes, whole, "embedding", cells=12)
        return figure


def _box(
    axes: Axes, x: float, row: str, text: str, *, color: str = INK, wide: float = WIDE, high: float = HIGH,
    size: float = 10.5, family: str = "DejaVu Sans",
) -> None:  # fmt: skip
    from matplotlib.patches import FancyBboxPatch

    corner = (x - wide / 2, ROWS[row] - high / 2)
    style = "round,pad=0,rounding_size=1.2"
    axes.add_patch(FancyBboxPatch(corner, wide, high, boxstyle=style, fill=False, edgecolor=color, linewidth=1.6))
    axes.text(x, ROWS[row], text, ha="center", va="center", color=color, fontsize=size, family=family)


def _vector(axes: Axes, x: float, row: str, *, cells: int = 6) -> None:
    from matplotlib.patches import Rectangle

    for cell in range(cells):
        left = x + (cell - cells / 2) * 2
        axes.add_patch(
            Rectangle(
                (left, ROWS[row] - 2.2), 2, 4.4, facecolor=INK, alpha=0.15 + 0.6 * (cell * 5 % 7) / 7, linewidth=0
            )
        )


def _arrow(axes: Axes, x: float, start: float, end: float) -> None:
    axes.annotate("", (x, end + 0.4), (x, start - 0.4), arrowprops={"arrowstyle": "->", "color": INK, "linewidth": 1.2})
