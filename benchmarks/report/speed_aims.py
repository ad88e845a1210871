"""What the runtime was to reach, and what it does reach, from stored results: a table for RESULTS.md.

The aims are of issue 16. Speed is of one run on one thread, against MiniLM as one deploys it, or in torch where said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any, NamedTuple

from benchmarks.report.markdown import markdown
from benchmarks.report.speed import DEPLOYED, REFERENCE, ratio_of, read_alike
from benchmarks.speed.stored import BATCH, CHAT, SINGLE, WARM, cell_of
from benchmarks.store import Stored

MODELS = ("en-small", "en-mini", "en-nano")
INT8 = " ONNX int8"
WITHOUT, WITH = "without torch", "with torch"
BLINK = 0.1  # seconds: what the design allows a message


class SpeedAim(NamedTuple):
    """How many times as fast as another model ours are to be.

    Attributes:
        what: The row's name.
        words: Words of the texts.
        kind: Of the calls.
        least: The ratio of each of `MODELS`; None where nothing was asked.
        form: What follows a model's name.
        against: The other model.
    """

    what: str
    words: int
    kind: str
    least: tuple[float | None, ...]
    form: str = INT8
    against: str = DEPLOYED


class TimeAim(NamedTuple):
    """How many milliseconds ours are to take for a text that comes alone, on one thread.

    Attributes:
        what: The row's name.
        words: Words of the texts.
        kind: Of the calls.
        most: The milliseconds of each model; None where nothing was asked.
        form: What follows a model's name.
    """

    what: str
    words: int
    kind: str
    most: tuple[float | None, ...]
    form: str = INT8


FASTER = (
    SpeedAim("16 words, best batch", 16, BATCH, (1.3, 3.5, 7.0)),
    SpeedAim("16 words, one at a time", 16, SINGLE, (1.1, 2.5, 4.0)),
    SpeedAim("16 words, one at a time, all met before", 16, WARM, (1.1, 2.5, 4.0)),
    SpeedAim("128 words, best batch", 128, BATCH, (1.2, 3.0, 6.0)),
    SpeedAim("512 words, best batch", 512, BATCH, (1.2, 3.0, 6.0)),
    SpeedAim("16 words, best batch, all in torch", 16, BATCH, (1.6, None, None), "", REFERENCE),
    SpeedAim("16 words, one at a time, all in torch", 16, SINGLE, (1.3, None, None), "", REFERENCE),
)
MESSAGE_WORDS, MESSAGE_SHARE = 15, 0.8  # of the time that MiniLM takes for a message with new typos
READY = (0.7, 0.6, 0.5)  # seconds to import and load
MEMORY = (250.0, 180.0, 150.0)  # MB at the peak of `encode` on 1,000 texts
LOSSES = (("typo", "clean", "STS-B dev"), ("typo", "10 %", "STS-B dev, 10 % wrong"), ("retrieval", "XQuAD", "XQuAD"))
MOST_LOST = 0.3
DISK = 150.0  # MB without torch


def speed_aims(stored: Stored, speeds: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a row per aim and a column per model; what is met is bold, what was not measured a dash."""
    rows = [_faster(aim, speeds) for aim in FASTER]
    chat = [speed_ratio(speeds, MESSAGE_WORDS, CHAT, name + INT8, DEPLOYED) for name in MODELS]
    times = [None if ratio is None else 1 / ratio for ratio in chat]
    aim = f"≤ {MESSAGE_SHARE:g} of its time"
    rows.append(["15 words, three of them new typos, one at a time", aim, *_most(times[:1], [MESSAGE_SHARE], "{:.2f}")])
    rows[-1] += [_figure(time, False, "{:.2f}") for time in times[1:]]
    alone = [milliseconds(speeds, MESSAGE_WORDS, CHAT, name + INT8) for name in MODELS]
    within = [1000 * BLINK] * len(MODELS)
    rows.append(["… in milliseconds", f"≤ {1000 * BLINK:g} (the design's)", *_most(alone, within, "{:.1f}")])
    processes = speeds.get("cpu-footprint", {}).get("processes", {})
    paid = [processes.get(name + INT8) for name in MODELS]
    ready = [own and own["import"] + own["load"] for own in paid]
    rows.append(["import + load, s", _limits(READY), *_most(ready, READY, "{:.2f}")])
    memory = [own and own["memory"] * 2**20 / 1e6 for own in paid]
    rows.append(["peak memory of 1,000 texts, MB", _limits(MEMORY), *_most(memory, MEMORY, "{:.0f}")])
    for suite, metric, shown in LOSSES:
        lost = [_lost(stored, suite, name, metric) for name in MODELS]
        limits = [MOST_LOST] * len(MODELS)
        rows.append([f"lost by int8: {shown}", f"≤ {MOST_LOST:g}", *_most(lost, limits, "{:.2f}")])
    sides = speeds.get("cpu-install", {}).get("sides", {})
    disk = [sum(sides[side].values()) / 1e6 if side in sides else None for side in (WITHOUT, WITH)]
    against = "" if disk[1] is None else f" (with torch {disk[1]:.0f})"
    rows.append(
        [f"on disk, MB{against}", f"≤ {DISK:g}", *_most(disk[:1] * len(MODELS), [DISK] * len(MODELS), "{:.0f}")]
    )
    return markdown(["what", "aim", *MODELS], rows)


def _faster(aim: SpeedAim, speeds: Mapping[str, Mapping[str, Any]]) -> list[str]:
    ratios = [speed_ratio(speeds, aim.words, aim.kind, name + aim.form, aim.against) for name in MODELS]
    asked = " / ".join("–" if least is None else f"{least:g}×" for least in aim.least)
    cells = [
        _figure(ratio, least is not None and ratio is not None and ratio >= least, "{:.2f}×")
        for ratio, least in zip(ratios, aim.least, strict=True)
    ]
    return [aim.what, f"≥ {asked}", *cells]


def speed_ratio(speeds: Mapping[str, Mapping[str, Any]], words: int, kind: str, name: str, base: str) -> float | None:
    """Return how many times as fast as another model one is on one thread, None where they were not timed alike."""
    cell = cell_of(speeds, words, kind)
    if cell is None or not {name, base} <= set(cell["models"]) or not read_alike(cell, name, base):
        return None
    return ratio_of(cell, name, base).median


def milliseconds(speeds: Mapping[str, Mapping[str, Any]], words: int, kind: str, name: str) -> float | None:
    """Return what a text that comes alone takes a model on one thread, None where it was not timed."""
    cell = cell_of(speeds, words, kind)
    return 1000 / mean(cell["models"][name]["speeds"]) if cell and name in cell["models"] else None


def _lost(stored: Stored, suite: str, name: str, metric: str) -> float | None:
    """Return the mean loss of a model by int8 over the seeds with which both forms were scored on the same texts."""
    results = {result.model: result for result in stored.get(suite, ())}
    if not {name, name + INT8} <= set(results):
        return None
    torch, int8 = results[name], results[name + INT8]
    checked = torch.checksums.get(metric, {}), int8.checksums.get(metric, {})
    same = [seed for seed, checksum in checked[1].items() if checked[0].get(seed) == checksum]
    lost = [torch.scores[metric][seed] - int8.scores[metric][seed] for seed in same]
    return mean(lost) if lost and not torch.settings.get("bf16") else None


def _most(found: Sequence[float | None], limits: Sequence[float], form: str) -> list[str]:
    return [
        _figure(value, value is not None and value <= limit, form) for value, limit in zip(found, limits, strict=True)
    ]


def _figure(value: float | None, met: bool, form: str) -> str:
    if value is None:
        return "–"
    return f"**{form.format(value)}**" if met else form.format(value)


def _limits(limits: Sequence[float]) -> str:
    return "≤ " + " / ".join(f"{limit:g}" for limit in limits)
