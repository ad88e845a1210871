"""Render what was stored of scale as markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from statistics import median
from typing import Any

from benchmarks.report.markdown import compact, markdown
from benchmarks.report.speed import times_as_fast
from benchmarks.scale.arithmetic import Plan, measured, table
from benchmarks.scale.memory import FIRST, growth
from benchmarks.scale.one_run import PLAIN
from benchmarks.scale.stored import Stored
from benchmarks.scale.watched import DRIVER, RAY, WORKER
from benchmarks.speed.timing import Spread, exponent

CORES, TEXT_BYTES = 16, 50.0  # of the example that SCALE.md reckons
WHOLE = "all"  # of a process, its imports and Ray's start too
COSTS: dict[str, Callable[[Mapping[str, Any]], float]] = {
    "seconds to build": lambda cell: cell["build"]["seconds"],
    "MB at the peak of it": lambda cell: cell["build"]["memory"],
    "MB on disk": lambda cell: sum(cell["build"]["files"].values()) / 1e6,
    "ms of a query": lambda cell: cell["search"]["median_ms"],
    "MB of a search": lambda cell: cell["search"]["memory"],
}


def speed_ratio(content: Mapping[str, Any], kind: str, base: str, clock: str = WHOLE) -> Spread:
    """Return how many times as fast one way is as another, taken round by round."""
    own, other = (content["seconds"][each][clock] for each in (kind, base))
    return Spread.of([b / a for a, b in zip(own, other, strict=True)])


def throughput_table(content: Mapping[str, Any]) -> str:
    """Return rows per second of each way, and the ratio to the plain loop."""
    rows = []
    for kind, seconds in content["seconds"].items():
        whole, work = (content["rows"] / median(seconds[clock]) for clock in (WHOLE, "work"))
        rows.append([kind, f"{whole:,.0f}", f"{work:,.0f}", times_as_fast(speed_ratio(content, kind, PLAIN))])
    title = (
        f"**{content['rows']:,} rows, {content['model']}, a thread a worker; interleaved rounds: {content['rounds']}**"
    )
    header = ["way", "rows/s", "… without imports", "ratio to the plain loop (middle half)"]
    return f"{title}\n\n{markdown(header, rows)}"


def memory_table(content: Mapping[str, Any]) -> str:
    """Return memory at the first rows that count and at the end, and by how much its largest exceeds the former."""
    late = [sample for sample in content["samples"] if sample["rows"] >= FIRST and sample[WORKER]]
    if not late:
        return f"**Memory**: the run of {content['rows']:,} rows was not weighed after {FIRST:,}."
    rows = [
        [role, f"{late[0][role]:.0f}", f"{late[-1][role]:.0f}", f"{growth(content['samples'], role):+.0f}"]
        for role in (DRIVER, WORKER, RAY)
    ]
    title = f"**Memory of a run of {content['rows']:,} rows, {content['workers']} workers, {content['model']}, MB**"
    names = {WORKER: "the larger worker", RAY: "Ray's own processes, in all"}
    rows = [[names.get(row[0], row[0]), *row[1:]] for row in rows]
    header = ["process", f"at {late[0]['rows']:,.0f} rows", f"at {late[-1]['rows']:,.0f} rows", "largest rise"]
    return f"{title}\n\n{markdown(header, rows)}"


def kills_table(content: Mapping[str, Any]) -> str:
    """Return what was killed and what came of it."""
    what = [kill["what"] for kill in content["kills"]]
    times = ", ".join(f"{name} {what.count(name)}" for name in dict.fromkeys(what))
    row = [str(content["killed"]), times, str(content["runs"]), f"{content['compared']:,}"]
    row += [str(content[key]) for key in ("lost", "doubled", "differing")]
    header = ["kills", "of", "runs", "rows compared", "lost", "doubled", "vectors differing"]
    title = f"**SIGKILL at random moments of runs of {content['rows']:,} rows, {content['workers']} workers**"
    return f"{title}\n\n{markdown(header, [row])}"


def index_table(content: Mapping[str, Any]) -> str:
    """Return what each kind of index costs at each size, and by what exponent each cost grows."""
    rows = []
    for cell in content["cells"]:
        asked = cell["search"]
        before = "–" if asked["recall_before"] is None else f"{asked['recall_before']:.3f}"
        rows.append([cell["kind"], f"{cell['count']:,}", *(_figure(cost(cell)) for cost in COSTS.values())])
        rows[-1] += [f"{asked['p95_ms']:.1f}", before, f"{asked['recall']:.3f}"]
    header = ["kind", "vectors", *COSTS, "95 % below", "recall@10 before re-ranking", "recall@10"]
    title = f"**Indexes of {content['dimension']} dimensions in int8; queries one at a time on one thread**"
    near = {cell["count"]: cell["search"]["cosines"] for cell in content["cells"]}
    dense = "; ".join(f"{count:,}: {first:.3f}, {last:.3f}" for count, (first, last) in sorted(near.items()))
    note = (
        f"Mean cosine of a query to the nearest vector and to the tenth, by number of vectors, of which "
        f"{content['base']:,} are real: {dense}."
    )
    grown = markdown(["exponent of", *COSTS], exponents(content["cells"]))
    return f"{title}\n\n{markdown(header, rows)}\n\n{note}\n\n{grown}"


def exponents(cells: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return a row per kind of index that has two sizes: the exponent of each cost."""
    rows = []
    for kind in dict.fromkeys(cell["kind"] for cell in cells):
        own = [cell for cell in cells if cell["kind"] == kind]
        if len(own) > 1:
            sizes = [cell["count"] for cell in own]
            rows.append([kind, *(f"{exponent(sizes, [cost(cell) for cell in own]):.2f}" for cost in COSTS.values())])
    return rows


TABLES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "throughput": throughput_table, "memory": memory_table, "kills": kills_table, "index": index_table,
}  # fmt: skip


PICTURES = {
    "memory": "\n\n![Memory of driver, workers and Ray's own processes over rows](plots/scale_memory.svg)",
    "index": "\n\n![Cost and recall of each kind of index over its size](plots/scale_indexes.svg)",
}


def render_scale(stored: Stored) -> str:
    """Return all tables of scale with where they come from, empty where nothing is stored."""
    parts = [part for part in TABLES if part in stored]
    blocks = [TABLES[part](stored[part]) + PICTURES.get(part, "") for part in parts]
    sources = "\n".join(f"- {part}: {source_of(stored[part])}" for part in parts)
    return "\n\n".join(["### Measured", *blocks, sources]) + "\n" if blocks else ""


def source_of(content: Mapping[str, Any]) -> str:
    """Write where a result comes from."""
    made, chip = content["provenance"], content["cpu"]
    sets = f"{chip['name']}: {', '.join(chip['sets'])}" if chip["sets"] else chip["name"]
    libraries = ", ".join(
        f"{name} {made['versions'][name]}" for name in ("ray", "faiss-cpu") if name in made["versions"]
    )
    where = f"{content['cores']} cores ({sets}), {libraries}, seed {content['seed']}"
    return f"{made['date'][:10]}, commit `{made['commit']}`, {where}: `{made['command']}`"


def scale_summary(stored: Stored) -> str:
    """Return what the README says of scale; a row per figure that was measured."""
    rows = [["what", "measured"]]
    if content := stored.get("throughput"):
        speeds = {kind: content["rows"] / median(each[WHOLE]) for kind, each in content["seconds"].items()}
        shown = ", ".join(f"{kind} {speed:,.0f}" for kind, speed in speeds.items())
        rows.append([f"rows/s, {content['model']}, {content['rows']:,} rows of 9 words", shown])
    if (content := stored.get("memory")) and not isnan(rise := growth(content["samples"], WORKER)):
        of = f"memory, {content['rows']:,} rows, since {FIRST:,}"
        rows.append([of, f"driver {growth(content['samples'], DRIVER):+.0f} MB, a worker {rise:+.0f} MB"])
    if content := stored.get("kills"):
        found = f"{content['lost']} lost, {content['doubled']} doubled, {content['differing']} differing"
        rows.append([f"rows after {content['killed']} SIGKILLs, of {content['compared']:,}", found])
    cells = [cell for cell in stored.get("index", {}).get("cells", ()) if cell["kind"] == "ivf_pq"]
    for cell in cells:
        asked = cell["search"]
        found = f"recall@10 {asked['recall']:.2f}, {asked['median_ms']:.1f} ms a query, {asked['memory']:,.0f} MB"
        rows.append([f"`ivf_pq`, {cell['count']:,} vectors", found])
    dates = sorted({each["provenance"]["date"][:10] for each in stored.values()})
    sets = sorted({name for each in stored.values() for name in each["cpu"]["sets"]})
    cores = sorted({str(each["cores"]) for each in stored.values()})
    return f"{compact(rows)}\n\n{', '.join(dates)}; {', '.join(cores)} cores of a CPU with {', '.join(sets) or '–'}."


def reckoned(stored: Stored) -> str:
    """Return what 100 million and a billion texts take; a sentence where no rows per second are stored."""
    try:
        known = measured(stored)
    except ValueError:
        return "Rows per second of one worker and of two are not measured yet."
    return "\n\n".join(table(Plan(rows, CORES, 1, 1.0, TEXT_BYTES), known) for rows in (1e8, 1e9))


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
