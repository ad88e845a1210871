"""Render what was stored of speed and size as markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Any

from benchmarks.report.markdown import markdown
from benchmarks.speed.stored import CHAT, COLD, MANY, MISSPELT, MISSPELT_BATCH, WARM, median_of, parts_of
from benchmarks.speed.timing import Spread, ratios

REFERENCE = "all-MiniLM-L6-v2"
DEPLOYED = f"{REFERENCE} ONNX int8"  # what one takes on a CPU
KINDS = ("clean", "misspelt", "rare words")
STEPS = ("tokenisation", "E1", "layers")
ALIKE = 0.99  # lengths as near to each other as 510 chunks to 512 tokens are one length
WHOLE = 0.95  # of the chunks or tokens of texts: a model that reads as many is taken to read the texts
Stored = dict[str, dict[str, Any]]


def ratio_of(cell: Mapping[str, Any], name: str, base: str = REFERENCE) -> Spread:
    """Return a model's speed over another's in a cell of the grid, taken round by round."""
    return ratios([cell["models"][each]["speeds"] for each in (name, base)])[0]


def base_of(names: Iterable[str]) -> str:
    """Return the model that ratios are taken to: MiniLM as one deploys it, else in torch, else the last."""
    known = list(names)
    return next((name for name in (DEPLOYED, REFERENCE) if name in known), known[-1])


def read_alike(cell: Mapping[str, Any], name: str, base: str = REFERENCE) -> bool:
    """Tell whether two models read as much of a cell's texts: both of them (almost) all, or both up to one length."""
    own, other = (cell["models"][each] for each in (name, base))
    lengths = [each.get("reads") for each in (own, other)]
    if all(isinstance(length, int) for length in lengths) and min(lengths) >= ALIKE * max(lengths):
        return True
    return lengths[0] == lengths[1] or min(own.get("read", 0.0), other.get("read", 0.0)) >= WHOLE


def cut_by(cells: Iterable[Mapping[str, Any]], name: str = REFERENCE) -> str:
    """Write how much a model reads of texts that it cuts."""
    shares = {cell["words"]: cell["models"][name].get("read", 1.0) for cell in cells if name in cell["models"]}
    found = [f"{100 * share:.0f} % of {_length(words)}" for words, share in shares.items() if share < 1]
    return f" {name} reads {', '.join(found)}." if found else ""


def times_as_fast(ratio: Spread) -> str:
    """Write a ratio with its middle half."""
    return f"{ratio.median:.2f}× ({ratio.low:.2f}–{ratio.high:.2f})"


def label_of(cell: Mapping[str, Any]) -> str:
    """Write what texts a cell is of."""
    length = _length(cell["words"])
    return {
        COLD: f"{length}, none met before", WARM: f"{length}, all met before",
        CHAT: f"a message of {length}, 3 of them new typos",
        MISSPELT: f"{length}, 10 % wrong", MISSPELT_BATCH: f"{length}, 10 % wrong",
    }.get(cell["kind"], length)  # fmt: skip


def speed_in(cell: Mapping[str, Any], name: str) -> str:
    """Write a model's texts per second, or the milliseconds of one text where texts come alone."""
    median = median_of(cell, name)
    if median is None:
        return "–"
    if cell["kind"] in MANY:
        return f"{median:,.0f}/s" if median >= 10 else f"{median:.1f}/s"
    return f"{1000 / median:.3g} ms"


def throughput_tables(device: str, content: dict[str, Any]) -> str:
    """Return two tables per number of threads, many texts in a call and one: each with the ratio and its middle half.

    Ratios are of speed, to what `base_of` says.
    """
    names = list(content["models"])
    base = base_of(names)
    blocks = []
    for threads, many in product(sorted({cell["threads"] for cell in content["cells"]}), (True, False)):
        cells = [cell for cell in content["cells"] if (cell["threads"], cell["kind"] in MANY) == (threads, many)]
        if not cells:
            continue
        rows = [
            [name, f"{content['models'][name]['parameters'] / 1e6:.1f}"]
            + [
                f"{speed_in(cell, name)} · "
                + (times_as_fast(ratio_of(cell, name, base)) if read_alike(cell, name, base) else "–")
                for cell in cells
            ]
            for name in names
        ]
        title = f"**{device}, threads: {threads}, {'best batch of each' if many else 'one text at a time'}**"
        blocks.append(f"{title}\n\n{markdown(['model', 'M parameters', *map(label_of, cells)], rows)}")
    chip = content.get("cpu", {})
    sets = f" {chip['name']}: {', '.join(chip['sets']) or 'instruction sets not told'}." if chip else ""
    note = f"Speed, and its ratio to {base} (middle half of {content['rounds']} interleaved rounds).{sets}"
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


def install_tables(device: str, content: dict[str, Any]) -> str:
    """Return what an installation takes on disk, and what of it the largest packages."""
    rows = []
    for side, weights in content["sides"].items():
        largest = [f"{name} {size / 1e6:.0f}" for name, size in weights.items() if size >= 1e7]
        rows.append([side, f"{sum(weights.values()) / 1e6:.0f}", ", ".join(largest)])
    lines = "; ".join(
        f"{side}: " + ", then ".join(f"`pip install {line}`" for line in own) for side, own in content["lines"].items()
    )
    header = ["installation", "MB in all", "packages of 10 MB and more"]
    return f"**{device}: on disk**\n\n{markdown(header, rows)}\n\n{lines}."


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
    header = ["model", "form", "MiB but for E2", "speed", *KINDS]
    title = f"**{device}: smaller forms, one thread, batches of 32; cosine to the plain model, median / worst**"
    note = "The shipped weights are stored in int8: to keep them so in memory moves no vector."
    return f"{title}\n\n{markdown(header, rows)}\n\n{note}"


TABLES: dict[str, Callable[[str, dict[str, Any]], str]] = {
    "throughput": throughput_tables, "footprint": process_tables, "install": install_tables, "shares": share_tables,
    "scaling": scaling_tables, "compression": compression_tables,
}  # fmt: skip


def render_speed(stored: Stored) -> str:
    """Return all tables of speed and size with where they come from, empty where nothing is stored."""
    blocks, sources = [], []
    for part, render in TABLES.items():
        for device, content in parts_of(stored, part):
            blocks.append(render(device, content))
            made = content["provenance"]
            cores = f"{content['cores']} cores, " if "cores" in content else ""
            sources.append(
                f"- {device} {part}: {made['date'][:10]}, commit `{made['commit']}`, {cores}torch "
                f"{made['versions']['torch']}: `{made['command']}`"
            )
    return "\n\n".join(["## Speed and size", *blocks, "\n".join(sources)]) + "\n" if blocks else ""


def _length(words: int | str) -> str:
    return f"{words} words" if isinstance(words, int) else str(words)
