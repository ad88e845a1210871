"""The short tables that people meet first: the README's, and of each shipped model's card, from what is stored.

Each stands between two marks, which `python -m benchmarks.report --write` looks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from benchmarks.report.choice import Shipped, is_current
from benchmarks.report.markdown import compact, mean_and_spread, write_between
from benchmarks.report.speed import REFERENCE, WHOLE, base_of, cut_by, label_of, ratio_of, read_alike, speed_in
from benchmarks.speed.stored import BATCH, CHAT, MANY, MISSPELT_BATCH, SINGLE, WARM
from benchmarks.speed.texts import MESSAGE, MIXED
from benchmarks.store import Stored, values_of
from tiered_st.model import pretrained

CARDS = Path("tiered_st", "pretrained")
PEERS = {REFERENCE: REFERENCE, f"{REFERENCE} + SymSpell": "… + SymSpell", "minilm-noise": "… + our noise"}  # in short


class Column(NamedTuple):
    """One column of the table of quality: what it is called there, and what it is."""

    heading: str
    suite: str
    metric: str

    def values(self, stored: Stored, name: str) -> list[float]:
        """Return a model's scores, one per seed."""
        return values_of(stored, name, self.suite, self.metric)


STS = (
    Column("STS-B dev, clean", "typo", "clean"),
    Column("5 %", "typo", "5 %"),
    Column("10 %", "typo", "10 %"),
    Column("20 % wrong", "typo", "20 %"),
)
COLUMNS = (
    *STS,
    Column("XQuAD-en, clean", "retrieval", "XQuAD"),
    Column("questions at 10 %", "retrieval", "XQuAD 10 %"),
    Column("Banking77, clean", "classification", "Banking77"),
    Column("at 10 %", "classification", "Banking77 10 %"),
    Column("misspelt words", "real", "misspellings"),
)

SPANISH = (
    Column("STS-B es dev, clean", "spanish", "STS-B"),
    Column("10 %", "spanish", "STS-B 10 %"),
    Column("20 % wrong", "spanish", "STS-B 20 %"),
    Column("without accents", "spanish", "STS-B, without accents"),
    Column("as in chats", "spanish", "STS-B, as in chats"),
    Column("XQuAD es→es, clean", "spanish", "XQuAD"),
    Column("questions at 10 %", "spanish", "XQuAD 10 %"),
    Column("es→en", "cross_lingual", "XQuAD es→en"),
    Column("NTREX es→en", "cross_lingual", "NTREX es→en"),
    Column("misspelt words", "spanish_words", "misspellings"),
)
READ_SPANISH = ("en-es",)
PEERS_IN_SPANISH = ("en-small", REFERENCE, "multilingual USE", "multilingual-e5-small 4-bit", "SymSpell alone")

NAMES = (
    *(Column(metric, "new_words", metric) for metric in ("rare 10 %", "rare 20 %", "invented 10 %", "invented 20 %")),
    Column("XQuAD-en, clean", "retrieval", "XQuAD"),
    Column("questions at 10 %", "retrieval", "XQuAD 10 %"),
)
TAUGHT = "taught"  # ends the name of a model that was taught the words of what it is to find


def quality(stored: Stored, ours: Sequence[str]) -> str:
    """Return a row per model, ours, in bold, before `PEERS`; the best of each column is bold too."""
    names = [name for name in (*ours, *PEERS) if any(column.values(stored, name) for column in STS)]
    return _table(stored, ours, names, COLUMNS)


def spanish(stored: Stored, ours: Sequence[str]) -> str:
    """Return what `quality` does in Spanish, before `PEERS_IN_SPANISH`."""
    peers = [name for name in PEERS_IN_SPANISH if name not in ours]
    names = [name for name in (*ours, *peers) if any(column.values(stored, name) for column in SPANISH)]
    return _table(stored, ours, names, SPANISH)


def _table(stored: Stored, ours: Sequence[str], names: Sequence[str], columns: Sequence[Column]) -> str:
    cells = {(name, column): column.values(stored, name) for name in names for column in columns}
    best = {column: max((mean(cells[name, column] or [0.0]) for name in names), default=0.0) for column in columns}
    rows = [["model", "parameters", *(column.heading for column in columns)]]
    for name in names:
        count = _parameters(stored, name)
        row = [f"**{name}**" if name in ours else name, f"{count / 1e6:.1f} M" if count else "–"]
        for column in columns:
            shown, values = mean_and_spread(cells[name, column]), cells[name, column]
            figure, sign, spread = shown.partition(" ± ")
            row.append(f"**{figure}**{sign}{spread}" if values and mean(values) == best[column] else shown)
        rows.append(row)
    return compact(rows)


def new_words(stored: Stored, ours: Sequence[str]) -> str:
    """Return how names that no model has seen are found: a row per model, ours also taught, and `PEERS`."""
    names = [form for name in ours for form in (name, f"{name} {TAUGHT}")] + list(PEERS)
    rows = [["model", *(column.heading for column in NAMES)]]
    for name in names:
        if NAMES[0].values(stored, name):
            shown = f"**{name}**" if name.endswith(TAUGHT) else name
            rows.append([shown, *(mean_and_spread(column.values(stored, name)) for column in NAMES)])
    return compact(rows)


def older(stored: Stored, ours: Sequence[str], shipped: Shipped | None, columns: Sequence[Column] = COLUMNS) -> str:
    """Return a line below the table that says which of its figures are of an older revision than what ships."""
    found = {
        suite: [each.model for each in stored.get(suite, ()) if each.model in ours and not is_current(each, shipped)]
        for suite in dict.fromkeys(column.suite for column in columns)
    }
    said = [f"`{suite}` of {', '.join(sorted(names))}" for suite, names in found.items() if names]
    return f"\n\nOf an older revision than what ships, not measured again yet: {'; '.join(said)}." if said else ""


def headline(stored: Stored, ours: Sequence[str]) -> str:
    """Return STS-B clean and noisy as plain text."""
    names = [name for name in (*ours, *PEERS) if any(column.values(stored, name) for column in STS)]
    rows = [
        f"{'':37}STS-B dev, both sentences mistyped, Spearman × 100",
        f"{'':37}{'clean':10}{'5 %':9}{'10 %':9}20 % of characters wrong",
    ]
    for name in names:
        shown = PEERS.get(name, f"{name}, ours")
        figures = [_figure(column.values(stored, name)) for column in STS]
        parameters = f"{_parameters(stored, name) / 1e6:.1f} M"
        rows.append(f"{shown:23}{parameters:14}{figures[0]:10}{figures[1]:9}{figures[2]:9}{figures[3]}")
    errors = ("operators", "people's misspellings"), ("real", "misspellings")
    rows += ["", f"{'':37}STS-B with people's misspellings   misspelt words found"]
    for name in names:
        found = [values_of(stored, name, *error) for error in errors]
        rows.append(f"{PEERS.get(name, f'{name}, ours'):37}{_figure(found[0]):35}{_figure(found[1], ' %')}")
    return "\n".join(["```", *rows, "```"])


def _figure(values: Sequence[float], unit: str = "") -> str:
    """Return a mean as it is shown, "–" for what was not measured."""
    return f"{mean(values):.1f}{unit}" if values else "–"


SHOWN = (
    (16, BATCH), (128, BATCH), (512, BATCH), (MIXED, BATCH), (16, MISSPELT_BATCH), (16, SINGLE), (16, WARM),
    (MESSAGE, CHAT),
)  # fmt: skip


def speed(content: Mapping[str, Any], processes: Mapping[str, Mapping[str, float]]) -> str:
    """Return how fast each model is on one thread, what one would deploy first, the rest behind.

    Args:
        content: What is stored of throughput; ratios are to what `base_of` says.
        processes: What a process pays for each model, where it was measured.

    Raises:
        ValueError: If all-MiniLM-L6-v2 was not timed.
    """
    if REFERENCE not in content["models"]:
        raise ValueError(f"the stored speeds are not of {REFERENCE}, to which ratios are taken: time it too.")
    base = base_of(content["models"])
    alone = [cell for cell in content["cells"] if cell["threads"] == 1]
    cells = [cell for each in SHOWN for cell in alone if (cell["words"], cell["kind"]) == each]
    paid = [("import + load", "{import + load:.1f} s"), ("peak memory", "{memory:.0f} MiB")] if processes else []
    headings = [label_of(cell) + ("" if cell["kind"] in MANY else ", one at a time") for cell in cells]
    rows = [["model", *headings, *(heading for heading, _ in paid)]]
    for name in sorted(content["models"], key=lambda name: not is_deployed(name)):
        row = [f"**{name}**" if is_deployed(name) and name.split(" ")[0] in pretrained() else name]
        for cell in cells:
            ratio = f"{ratio_of(cell, name, base).median:.2f}×" if read_alike(cell, name, base) else "–"
            row.append(speed_in(cell, name) if name == base else ratio)
        own = processes.get(name)
        figures = own and {**own, "import + load": own["import"] + own["load"]}
        rows.append(row + [form.format(**figures) if figures else "–" for _, form in paid])
    cut = ", ".join(
        f"{name} {own['reads']}" for name, own in content["models"].items() if isinstance(own["reads"], int)
    )
    made, chip = content["provenance"], content.get("cpu", {})
    sets = f" ({chip['name']}: {', '.join(chip['sets'])})" if chip.get("sets") else ""
    return (
        f"{compact(rows)}\n\n"
        f"Times as fast as {base}, what can do without torch first: one thread of a CPU{sets}, each model's best\n"
        f"batch; median of {content['rounds']} interleaved rounds of fresh texts (docstrings of the standard library;\n"
        f"mixed: {content['mixed']}). Words not met before have to be spelt, so that\n"
        "the first texts are the slowest. Each model reads so many chunks or tokens of a text, and cuts the rest:\n"
        f"{cut}.\n"
        f"A dash where one of the two reads less than {WHOLE:.0%} of the texts.{cut_by(cells, base)}\n"
        f"{made['date'][:10]}, commit {made['commit']}: `{made['command']}`"
    )


def is_deployed(name: str) -> bool:
    """Tell whether a model is in a form that does without torch."""
    return name.endswith((" int8", " ONNX fp32"))


def write_summary(
    stored: Stored, speeds: dict[str, dict[str, Any]], root: Path, shipped: Shipped | None = None
) -> None:
    """Renew the tables of the README and the cards of a checkout.

    Args:
        stored: The newest result of every model, by suite.
        speeds: What is stored of speed.
        root: The checkout's folder.
        shipped: As `shipped_revisions` returns it.

    Raises:
        ValueError: If a page lacks the marks of a table.
    """
    ours = [name for name in pretrained() if _parameters(stored, name)]
    ours.sort(key=lambda name: -_parameters(stored, name))
    both = [name for name in ours if name in READ_SPANISH and SPANISH[0].values(stored, name)]
    if ours:
        write_between(root / "README.md", "headline", headline(stored, ours))
        write_between(root / "README.md", "quality", quality(stored, ours) + older(stored, ours, shipped))
        if both:
            text = spanish(stored, both) + older(stored, both, shipped, SPANISH)
            write_between(root / "README.md", "spanish", text)
        if stored.get("new_words"):
            write_between(root / "README.md", "new words", new_words(stored, ours))
    for name in ours:
        own = quality(stored, [name]) + older(stored, [name], shipped)
        if name in both:
            own += "\n\n" + spanish(stored, [name]) + older(stored, [name], shipped, SPANISH)
        write_between(root / CARDS / name / "README.md", "quality", own)
    if "cpu-throughput" in speeds:
        processes = speeds.get("cpu-footprint", {}).get("processes", {})
        write_between(root / "README.md", "speed", speed(speeds["cpu-throughput"], processes))


def _parameters(stored: Stored, name: str) -> int:
    suites = ("typo", *dict.fromkeys(column.suite for column in SPANISH))
    found = (each.parameters for suite in suites for each in stored.get(suite, ()) if each.model == name)
    return next(found, 0)
