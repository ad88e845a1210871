"""Render what was stored of speed and size as markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from benchmarks.report.markdown import markdown
from benchmarks.speed.stored import median_of, parts_of
from benchmarks.speed.timing import Spread, ratios

REFERENCE = "all-MiniLM-L6-v2"
KINDS = ("clean", "misspelt", "rare words")
STEPS = ("tokenisation", "E1", "layers")
WHOLE = 0.95  # of the chunks or tokens of texts: a model that reads as many is taken to read the texts
Stored = dict[str, dict[str, Any]]


def ratio_of(cell: Mapping[str, Any], name: str, base: str = REFERENCE) -> Spread:
    """Return a model's speed over another's in a cell of the grid, taken round by round."""
    return ratios([cell["models"][each]["speeds"] for each in (name, base)])[0]


def read_alike(cell: Mapping[str, Any], name: str, base: str = REFERENCE) -> bool:
    """Tell whether two models read as much of a cell's texts: both of them (almost) all, or both up to one length."""
    own, other = (cell["models"][each] for each in (name, base))
    return own.get("reads") == other.get("reads") or min(own.get("read", 0.0), other.get("read", 0.0)) >= WHOLE


def cut_by(cells: Iterable[Mapping[str, Any]], name: str = REFERENCE) -> str:
    """Write how much a model reads of texts that it cuts."""
    shares = {cell["words"]: cell["models"][name].get("read", 1.0) for cell in cells if name in cell["models"]}
    found = [f"{100 * share:.0f} % of {_length(words)}" for words, share in shares.items() if share < 1]
    return f" {name} reads {', '.join(found)}." if found else ""


def times_as_fast(ratio: Spread) -> str:
    """Write a ratio with its middle half."""
    return f"{ratio.median:.2f}× ({ratio.low:.2f}–{ratio.high:.2f})"


def throughput_tables(device: str, content: dict[str, Any]) -> str:
    """Return a table per batch, precision and number of threads: texts per second, and the ratio with its middle half.

    Ratios are to all-MiniLM-L6-v2 in torch, or to the last model where it is not there.
    """
    groups: dict[tuple[Any, ...], dict[Any, dict[str, Any]]] = {}
    for cell in content["cells"]:
        groups.setdefault((cell["threads"], cell["bf16"], cell["batch"]), {})[cell["words"]] = cell
    names = list(content["models"])
    base = REFERENCE if REFERENCE in names else names[-1]
    blocks = []
    for (threads, bf16, batch), cells in sorted(groups.items(), key=str):
        rows = []
        for name in names:
            row = [name, f"{content['models'][name]['parameters'] / 1e6:.1f}"]
            for cell in cells.values():
                median = median_of(cell, name)
                ratio = times_as_fast(ratio_of(cell, name, base)) if read_alike(cell, name, base) else "–"
                row.append(f"{_figure(median)} · {ratio}")
            rows.append(row)
        lengths = [_length(words) for words in cells]
        size = "each model's best batch" if batch == "best" else f"batch {batch}"
        title = f"**{device}, {'bf16' if bf16 else 'fp32'}, threads: {threads}, {size}**"
        blocks.append(f"{title}\n\n{markdown(['model', 'M parameters', *lengths], rows)}")
    note = f"Texts per second, and the ratio to {base} (middle half of {content['rounds']} interleaved rounds)."
    cut = f"A dash where one of the two reads less than {WHOLE:.0%} of the texts.{cut_by(content['cells'], base)}"
    return "\n\n".join([f"{note} Mixed: {content['mixed']}. {cut}", *blocks])


def share_tables(device: str, content: dict[str, Any]) -> str:
    """Return where the time goes."""
    rows = []
    for words, models in content["words"].items():
        for name, shares in models.items():
            cells = [
                f"{100 * shares[step]:.0f} %" if step in shares else "–" for step in ("tokenisation", "E1", "layers")
            ]
            rows.append([name, words, *cells])
    title = f"**{device}: where the time goes, batches of 32**"
    return f"{title}\n\n{markdown(['model', 'words', 'tokenisation', 'E1 + projector', 'layers'], rows)}"


def process_tables(device: str, content: dict[str, Any]) -> str:
    """Return what a process pays before the texts, and its memory."""
    header = ["model", "import, s", "load, s", "first text, ms", "next text, ms", "peak memory, MiB"]
    rows = [
        [
            name, f"{own['import']:.2f}", f"{own['load']:.2f}", f"{1000 * own['first']:.0f}",
            f"{1000 * own['second']:.1f}", f"{own['memory']:.0f}",
        ]
        for name, own in content["processes"].items()
    ]  # fmt: skip
    return f"**{device}: a fresh process**\n\n{markdown(header, rows)}"


def scaling_tables(device: str, content: dict[str, Any]) -> str:
    """Return the exponents of cost."""
    rows = [
        [name, *(f"{content[key]['models'][name]['exponent']:.2f}" for key in ("length", "corpus"))]
        for name in content["length"]["models"]
    ]
    reach = [f"{content[key]['sizes'][0]}–{content[key]['sizes'][-1]}" for key in ("length", "corpus")]
    header = ["model", f"{reach[0]} words per text", f"{reach[1]} texts"]
    return f"**{device}: exponent of cost, 1 where it grows as the size does**\n\n{markdown(header, rows)}"


def compression_tables(device: str, content: dict[str, Any]) -> str:
    """Return what int8 and a table in E1's place cost and bring."""
    rows = []
    for name, forms in content["forms"].items():
        for form, own in forms.items():
            row = [name, form, f"{own['bytes'] / 2**20:.1f}"]
            row += [times_as_fast(Spread(*own["ratio"])) if "ratio" in own else "1"]
            row += [f"{found['median']:.4f} / {found['worst']:.4f}" for found in own.get("cosine", {}).values()]
            rows.append(row + ["–"] * (len(KINDS) - len(own.get("cosine", {}))))
    header = ["model", "E1, projector, memory", "MiB", "speed", *KINDS]
    title = f"**{device}: smaller forms, one thread, batches of 32; cosine to the plain model, median / worst**"
    return f"{title}\n\n{markdown(header, rows)}"


TABLES: dict[str, Callable[[str, dict[str, Any]], str]] = {
    "throughput": throughput_tables, "shares": share_tables, "footprint": process_tables, "scaling": scaling_tables,
    "compression": compression_tables,
}  # fmt: skip


def render_speed(stored: Stored) -> str:
    """Return all tables of speed and size with where they come from, empty where nothing is stored."""
    blocks, sources = [], []
    for part, render in TABLES.items():
        for device, content in parts_of(stored, part):
            blocks.append(render(device, content))
            made = content["provenance"]
            sources.append(
                f"- {device} {part}: {made['date'][:10]}, commit `{made['commit']}`, {content['cores']} cores, torch "
                f"{made['versions']['torch']}: `{made['command']}`"
            )
    return "\n\n".join(["## Speed and size", *blocks, "\n".join(sources)]) + "\n" if blocks else ""


def _length(words: int | str) -> str:
    return f"{words} words" if isinstance(words, int) else str(words)


def _figure(speed: float | None) -> str:
    if speed is None:
        return "–"
    return f"{speed:,.0f}" if speed >= 10 else f"{speed:.1f}"
