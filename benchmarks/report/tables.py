"""The tables of RESULTS.md: one per suite, with where each row comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean

from benchmarks.peers.disk import bytes_on_disk
from benchmarks.peers.minilm import NAME, minilm_path
from benchmarks.report.choice import Shipped, is_current
from benchmarks.report.markdown import markdown, mean_and_spread
from benchmarks.store import Result
from benchmarks.suite import Suite
from tiered_st.saved.model_folder import PRETRAINED, pretrained


def table(
    results: Sequence[Result], suite: Suite, *, seeds: int | None = None, sizes: Mapping[str, int] | None = None
) -> str:
    """Render the results of one suite as a markdown table.

    Means are taken over the seeds that all rows share, so that every row speaks of the same texts.

    Args:
        results: One per model.
        suite: The suite they are of.
        seeds: Use only the seeds below this number.
        sizes: Bytes on disk by model, as `sizes_of` returns them; a column of its own where there are any.

    Raises:
        ValueError: If two results come from different texts.
    """
    shared: dict[str, list[str]] = {}
    for metric in suite.metrics:
        having = [result for result in results if result.scores.get(metric)]  # the others' cells stay empty
        common = set.intersection(*(set(result.scores[metric]) for result in having)) if having else set()
        shared[metric] = sorted((seed for seed in common if seeds is None or int(seed) < seeds), key=int)
        for seed in shared[metric]:
            if len({result.checksums[metric][seed] for result in having}) > 1:
                raise ValueError(
                    f"results of {', '.join(result.model for result in having)} in suite {suite.name!r} come from "
                    "different texts: run all models in one command."
                )
    disk = [(sizes or {}).get(result.model) for result in results]
    header = ["model", "M parameters", *["MB on disk"] * any(disk), *suite.metrics]
    rows = [[result.model, f"{result.parameters / 1e6:.1f}"] for result in results]
    if any(disk):
        for row, size in zip(rows, disk, strict=True):
            row.append(f"{size / 1e6:.1f}" if size else "–")
    for result, row in zip(results, rows, strict=True):
        values = {
            metric: [result.scores[metric][seed] for seed in used if metric in result.scores]
            for metric, used in shared.items()
        }
        row += [mean_and_spread(found) for found in values.values()]
        for noisy, clean in suite.retained:
            pair = [mean(values[metric] or [0.0]) for metric in (noisy, clean)]
            row.append(f"{100 * pair[0] / pair[1]:.1f} %" if values[noisy] and pair[1] else "–")
        if suite.curve:
            measured = all(values[metric] for metric in suite.curve)
            row.append(
                f"{area({rate: mean(values[metric]) for metric, rate in suite.curve.items()}):.1f}" if measured else "–"
            )
        for metrics in suite.means.values():
            measured = all(values[metric] for metric in metrics)
            row.append(f"{mean(mean(values[metric]) for metric in metrics):.1f}" if measured else "–")
    header += [f"retained at {noisy}" for noisy, _ in suite.retained] + ["area"] * bool(suite.curve) + [*suite.means]
    if suite.tall:
        header, *rows = (list(row) for row in zip(header, *rows, strict=True))
    return markdown(header, rows)


def sizes_of(results: Iterable[Result]) -> dict[str, int]:
    """Return the bytes on disk of what ships and of MiniLM, where they lie, and of models whose results know them."""
    folders = {name: PRETRAINED / name for name in pretrained()} | {NAME: Path(minilm_path())}
    found = {name: bytes_on_disk(folder) for name, folder in folders.items()}
    found |= {result.model: result.disk_bytes for result in results if result.disk_bytes}
    return {name: size for name, size in found.items() if size}


def area(curve: Mapping[float, float]) -> float:
    """Return the area under a curve of {rate: score} by trapezoids, divided by its width: the mean score over rates.

    Raises:
        ValueError: If there are fewer than two rates.
    """
    points = sorted(curve.items())
    if len(points) < 2:
        raise ValueError(f"a curve needs at least two rates, got {[rate for rate, _ in points]}")
    pieces = ((b - a) * (low + high) / 2 for (a, low), (b, high) in pairwise(points))
    return sum(pieces) / (points[-1][0] - points[0][0])


def render(
    results: Sequence[Result],
    suite: Suite,
    shipped: Shipped | None = None,
    sizes: Mapping[str, int] | None = None,
) -> str:
    """Return title, table and provenance of one suite; rows of another revision than what ships are said to be."""
    lines = [f"## {suite.title}", "", table(results, suite, sizes=sizes), ""]
    counts = {len(seeds) for result in results for seeds in result.scores.values()}
    lines.append(f"{results[0].data}; suite `{suite.name}`, {max(counts, default=0)} seeds.")
    for result in results:
        made, versions = result.provenance, result.provenance.get("versions", {})
        precision = "bf16" if result.settings.get("bf16") else "fp32"
        lines.append(
            f"- {result.model}: weights `{result.revision}`, {precision}, {made.get('date', '?')[:10]}, commit "
            f"`{made.get('commit', '?')}`, texts `{result.checksum[:16]}`, sentence-transformers "
            f"{versions.get('sentence-transformers', '?')}, torch {versions.get('torch', '?')}: "
            f"`{made.get('command', '?')}`"
            + ("" if is_current(result, shipped) else " (**an older revision** than what ships)")
        )
    return "\n".join(lines) + "\n"
