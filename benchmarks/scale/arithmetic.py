"""Reckon what many texts take: ``python -m benchmarks.scale.arithmetic --rows 1e8 --price-per-hour X --cores N``.

Everything but the options comes from what `benchmarks.scale.throughput` and `benchmarks.scale.index` measured and
stored; benchmarks/SCALE.md has the formulas. Texts are of the length of the measured ones (9 words), and cores as fast
as the measured one: measure on the machine that is meant.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.report.markdown import markdown
from benchmarks.scale.one_run import by_ray
from benchmarks.scale.stored import SCALE, Stored, read_scale

WIDTHS = {"float32": 4, "float16": 2, "int8": 1}
SCALE_BYTES = 4  # of an int8 vector
ID_BYTES = 8  # of a vector in an inverted list


class Measured(NamedTuple):
    """What is taken from results.

    Attributes:
        model: The model's name.
        per_core: Rows per second of one of Ray's workers on one core, the start of Ray and model in it.
        kept: What share of that each worker keeps where every core has one.
        dimension: Of the vectors.
        cells: Of the index's results of kind "ivf_pq", the largest last; none where it was not measured.
    """

    model: str
    per_core: float
    kept: float
    dimension: int
    cells: Sequence[Mapping[str, Any]]


def measured(stored: Stored) -> Measured:
    """Return what the reckoning starts from.

    Raises:
        ValueError: If throughput was not measured, with one worker and with two.
    """
    throughput = stored.get("throughput")
    if throughput is None or not {by_ray(1), by_ray(2)} <= set(throughput["seconds"]):
        raise ValueError("no rows per second are stored: run python -m benchmarks.scale.throughput --data DIR first")
    one, two = (throughput["seconds"][by_ray(count)]["work"] for count in (1, 2))
    kept = median(a / b for a, b in zip(one, two, strict=True)) / 2
    index = stored.get("index", {})
    cells = sorted(
        (cell for cell in index.get("cells", ()) if cell["kind"] == "ivf_pq"), key=lambda cell: cell["count"]
    )
    rate = throughput["rows"] / median(one)
    return Measured(throughput["model"], rate, kept, index.get("dimension", 384), cells)


class Plan(NamedTuple):
    """What is asked for.

    Attributes:
        rows: Texts.
        cores: Of a machine, one worker each.
        machines: How many work at once.
        price: Of a machine and hour, in whatever currency; None where it is not to be reckoned.
        text_bytes: Of a text, stored.
    """

    rows: float
    cores: int
    machines: int
    price: float | None
    text_bytes: float


def reckon(plan: Plan, known: Measured) -> list[tuple[str, str, str]]:
    """Return (what, formula, result) of each quantity."""
    share = known.kept if plan.cores > 1 else 1.0
    rate = known.per_core * share * plan.cores
    hours = plan.rows / rate / plan.machines / 3600
    rows = [
        ("rows/s of a machine", "r · e · cores", f"{rate:,.0f}"),
        ("hours", "rows / (r · e · cores · machines · 3600)", f"{hours:,.1f}"),
        ("machine-hours", "hours · machines", f"{hours * plan.machines:,.1f}"),
    ]
    if plan.price is not None:
        million = plan.price * 1e6 / (rate * 3600)
        rows.append(("price per million", "price · 10⁶ / (r · e · cores · 3600)", f"{million:.4f}"))
        rows.append(("price", "price per million · rows / 10⁶", f"{million * plan.rows / 1e6:,.2f}"))
    for dtype, width in WIDTHS.items():
        vector = known.dimension * width + (SCALE_BYTES if dtype == "int8" else 0)
        formula = f"rows · (d · {width}{' + 4' if dtype == 'int8' else ''} + text)"
        rows.append((f"parts in {dtype}", formula, _size(plan.rows * (vector + plan.text_bytes))))
    if known.cells:
        rows += _of_index(plan.rows, known.cells[-1])
    return rows


def _of_index(count: float, cell: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return what an index of kind "ivf_pq" takes, from the largest that was measured."""
    files, codes, at = cell["build"]["files"], cell["build"]["config"]["code_bytes"], cell["count"]
    per_row, shards = sum(files.values()) / at, max(1.0, float(-(-count // at)))
    seconds, milliseconds, memory = cell["build"]["seconds"], cell["search"]["median_ms"], cell["search"]["memory"]
    return [
        ("index on disk", f"rows · {per_row:.0f} B", _size(count * per_row)),
        ("… its lists, mapped", f"rows · ({codes} + {ID_BYTES}) B", _size(count * (codes + ID_BYTES))),
        (f"shards of {at:,.0f}", f"rows / {at:,.0f}", f"{shards:,.0f}"),
        ("machine-hours to build", f"shards · {seconds:,.0f} s / 3600", f"{shards * seconds / 3600:,.1f}"),
        ("ms of a query, one thread", f"shards · {milliseconds:.1f} ms", f"{shards * milliseconds:,.0f}"),
        ("RAM of a search", f"shards · {memory:,.0f} MB", _size(shards * memory * 1e6)),
    ]


def table(plan: Plan, known: Measured) -> str:
    """Return the reckoning as markdown, with what it starts from."""
    head = (
        f"{known.model}, {plan.rows:,.0f} texts, machines: {plan.machines}, of {plan.cores} cores each"
        f"{'' if plan.price is None else f' at {plan.price:g} an hour'}: r = {known.per_core:,.0f} rows/s of a core, "
        f"e = {known.kept:.2f}, d = {known.dimension}, text = {plan.text_bytes:g} B"
    )
    return f"{head}\n\n{markdown(['what', 'formula', 'result'], reckon(plan, known))}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale.arithmetic", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--rows", type=_positive, default=1e8, help="texts (default: 1e8)")
    parser.add_argument("--cores", type=int, required=True, help="of a machine, one worker each")
    parser.add_argument("--machines", type=int, default=1, help="default: 1")
    parser.add_argument("--price-per-hour", type=_positive, metavar="X", help="of a machine; left out: no price")
    parser.add_argument("--text-bytes", type=_positive, default=50.0, help="of a text, stored (default: 50)")
    parser.add_argument("--out", type=Path, default=SCALE, metavar="DIR", help="default: benchmarks/results/scale")
    args = parser.parse_args(argv)
    if min(args.cores, args.machines) < 1:
        parser.error("--cores and --machines must be at least 1")
    try:
        known = measured(read_scale(args.out))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(table(Plan(args.rows, args.cores, args.machines, args.price_per_hour, args.text_bytes), known))
    return 0


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} must be above 0")
    return value


def _size(count: float) -> str:
    return f"{count / 1e9:,.1f} GB" if count < 1e12 else f"{count / 1e12:,.2f} TB"


if __name__ == "__main__":
    sys.exit(main())
