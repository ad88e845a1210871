"""How all figures look: no background, ink that reads on white and on black, colours told apart by the colour-blind.

A model keeps its colour, line and mark in every figure. The colours are Okabe & Ito's (2008).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tiered_st.model import pretrained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#7a828c"  # contrast of about 4 to 1 with white and with GitHub's dark page
OURS = "#d55e00"
CLEAN, NOISY = "#0072b2", OURS
_OTHERS = ("#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a828c", "#8c6bb1", "#a0522d")
_DASHES = ("-", "--", "-.", ":")
_MARKS = "osD^vPX*"
# Names seen in every report come first, so that a new model changes nobody's colour.
_KNOWN = (
    "all-MiniLM-L6-v2", "all-MiniLM-L6-v2 + SymSpell", "minilm-noise", "static all-MiniLM-L6-v2", "hashed n-grams",
    "BM25", "subword-baseline", "all-MiniLM-L6-v2 ONNX int8", "all-MiniLM-L6-v2 OpenVINO int8",
    "all-MiniLM-L6-v2 + SymSpell compound", "multilingual-e5-small 4-bit", "multilingual USE",
)  # fmt: skip


class Look(NamedTuple):
    """How a model is drawn."""

    color: str
    linestyle: str
    marker: str
    linewidth: float


def is_ours(model: str) -> bool:
    """Tell whether a model ships, in whichever form: "en-small", "en-small ONNX int8"."""
    return model.partition(" ")[0] in pretrained()


def looks(models: Iterable[str]) -> dict[str, Look]:
    """Return how each model is drawn: ours strong, the others each in a way of its own."""
    names = list(dict.fromkeys(models))
    mine = [name for name in names if is_ours(name)]
    others = [*_KNOWN, *sorted(set(names) - set(_KNOWN) - set(mine))]
    found = {name: Look(OURS, _DASHES[place % 4], _MARKS[place // 4], 2.6) for place, name in enumerate(mine)}
    for place, name in enumerate(others):
        turn = place // len(_OTHERS)
        found[name] = Look(
            _OTHERS[place % len(_OTHERS)], _DASHES[(place + turn) % 4], _MARKS[(place + 1) % len(_MARKS)], 1.6
        )
    return {name: found[name] for name in names}


@contextmanager
def styled() -> Iterator[Any]:
    """Give pyplot with this look, and close what was drawn with it but not kept."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    settings: Any = {
        "font.family": "DejaVu Sans", "font.size": 10.5, "axes.titlesize": 12, "axes.titleweight": "bold",
        "axes.titlelocation": "left", "axes.titlepad": 12,
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "axes.titlecolor": INK,
        "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False,
        "axes.grid": True, "grid.color": INK, "grid.alpha": 0.22, "grid.linewidth": 0.6, "axes.axisbelow": True,
        "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none", "legend.frameon": False,
    }  # fmt: skip
    with matplotlib.rc_context(settings):
        yield pyplot


def save(figure: Figure, path: Path) -> list[Path]:
    """Write a figure as SVG and PNG without a date, so that the same results make the same files; return them."""
    import matplotlib

    path.parent.mkdir(parents=True, exist_ok=True)
    files = [path.with_suffix(".svg"), path.with_suffix(".png")]
    with matplotlib.rc_context({"svg.hashsalt": "tiered_st"}):
        figure.savefig(files[0], metadata={"Date": None}, bbox_inches="tight")  # as wide as the longest name needs
        figure.savefig(files[1], dpi=160, metadata={"Software": None}, bbox_inches="tight")
    figure.clear()
    return files


def spread_out(wanted: Sequence[float], gap: float) -> list[float]:
    """Return places near the wanted ones, in their order, no two nearer than ``gap``."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    # Neighbours too near are merged into a block around the mean of what its members want.
    blocks: list[list[int]] = []
    for i in order:
        blocks.append([i])
        while (
            len(blocks) > 1
            and _middle(blocks[-1], wanted) - _middle(blocks[-2], wanted)
            < gap * (len(blocks[-1]) + len(blocks[-2])) / 2
        ):
            last = blocks.pop()
            blocks[-1] += last
    places = [0.0] * len(wanted)
    for block in blocks:
        start = _middle(block, wanted) - gap * (len(block) - 1) / 2
        for rank, i in enumerate(block):
            places[i] = start + gap * rank
    return places


def label_ends(axes: Axes, ends: dict[str, tuple[float, float]], looks: dict[str, Look]) -> None:
    """Write each model's name beside the end of its line, pushed apart where they would overlap.

    Args:
        axes: Whose limits are settled.
        ends: {model: (x, y) of its last point}.
        looks: As `looks` returns them.
    """
    points = {name: axes.transData.transform(end) * 72 / axes.figure.dpi for name, end in ends.items()}
    right = max(float(x) for x, _ in points.values())
    places = spread_out([float(y) for _, y in points.values()], 13.0)
    for (name, (x, y)), at in zip(points.items(), places, strict=True):
        axes.annotate(
            name, ends[name], xytext=(right - x + 8, at - y), textcoords="offset points", va="center", fontsize=9.5,
            color=looks[name].color, fontweight="bold" if looks[name].color == OURS else "normal",
            annotation_clip=False,
        )  # fmt: skip


def _middle(block: list[int], wanted: Sequence[float]) -> float:
    return sum(wanted[i] for i in block) / len(block)
