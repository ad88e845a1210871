"""Fill the tables of `benchmarks.report.aim_tables` from stored results: ``python -m benchmarks.report --aims``.

Figures are of the models as they ship: what was measured of an older revision alone counts as not measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import mean
from typing import Any, NamedTuple

from benchmarks.report.aim import OWN, Aim, AimTable
from benchmarks.report.choice import Shipped, is_current
from benchmarks.report.markdown import markdown
from benchmarks.report.speed_aims import SpeedAim, TimeAim, milliseconds, speed_ratio
from benchmarks.speed.stored import cell_of
from benchmarks.store import Result, Stored


class Found(NamedTuple):
    """What is stored of an aim for one model.

    Attributes:
        value: The score, or the difference; None where a part of it was not measured.
        missing: The metrics of which models that were not.
    """

    value: float | None
    missing: tuple[tuple[str, str], ...] = ()


def model_aims(
    table: AimTable,
    stored: Stored,
    speeds: Mapping[str, Mapping[str, Any]],
    shipped: Shipped | None = None,
) -> str:
    """Return a row per aim and a column per model, then how many are met, then what was not measured.

    What is met is bold, behind what is not stands how much it lacks; a dash where it was not measured.

    Args:
        table: The aims.
        stored: The newest result of every model, by suite.
        speeds: What is stored of speed.
        shipped: As `benchmarks.report.choice.shipped_revisions` returns it.
    """
    current = {
        suite: {each.model: each for each in results if is_current(each, shipped)} for suite, results in stored.items()
    }
    rows: list[list[str]] = []
    met, asked = dict.fromkeys(table.models, 0), dict.fromkeys(table.models, 0)
    missing: dict[tuple[str, str], dict[str, None]] = {}  # (model, suite) to metrics
    for aim in table.aims:
        form = "{:+.1f}" if aim.against else "{:.1f}"
        row = [aim.what, _asked(aim)]
        for model, least in zip(table.models, aim.least, strict=True):
            found = found_of(aim, current.get(aim.suite, {}), model + aim.form)
            row.append(_cell(found.value, least, form))
            asked[model] += least is not None
            met[model] += _is_met(found.value, least)
            for name, metric in found.missing if least is not None else ():
                missing.setdefault((name, aim.suite), {})[metric] = None
        rows.append([*row, *(_beside(aim, current.get(aim.suite, {}), peer) for peer in table.peers)])
    for faster in table.speed:
        row = [faster.what, f"{_list(faster.least, '≥ {:g}×')} against {faster.against}"]
        for model, least in zip(table.models, faster.least, strict=True):
            ratio = _speed(faster, speeds, model, shipped)
            row.append(_cell(ratio, least, "{:.2f}×"))
            asked[model] += least is not None
            met[model] += _is_met(ratio, least)
            if ratio is None and least is not None:
                missing.setdefault((model + faster.form, "speed"), {})[faster.what] = None
        rows.append([*row, *("–" for _ in table.peers)])
    for timed in table.times:
        row = [timed.what, _list(timed.most, "≤ {:g} ms")]
        for model, most in zip(table.models, timed.most, strict=True):
            taken = _time(timed, speeds, model, shipped)
            row.append(_cell(taken, most, "{:.1f} ms", at_most=True))
            asked[model] += most is not None
            met[model] += _is_met(taken, most, at_most=True)
            if taken is None and most is not None:
                missing.setdefault((model + timed.form, "speed"), {})[timed.what] = None
        rows.append([*row, *("–" for _ in table.peers)])
    said = ", ".join(f"{model} {met[model]} of {asked[model]}" for model in table.models)
    header = ["what", "aim", *table.models, *table.peers]
    return f"{markdown(header, rows)}\n\nMet: {said}. {_said(missing, stored, shipped)}"


def found_of(aim: Aim, results: Mapping[str, Result], model: str) -> Found:
    """Return what is stored of an aim for one model.

    Where another model's scores are subtracted, that is done seed by seed, on the same texts.

    Args:
        aim: The aim.
        results: Of its suite, by model.
        model: The model's name, its form behind it.
    """
    values, missing = [], []
    own = results.get(model)
    for metric in aim.metrics:
        mine = own.scores.get(metric, {}) if own else {}
        if not own or not mine:
            missing.append((model, metric))
        elif aim.against in ("", OWN):
            clean = own.scores.get(aim.clean, {}) if aim.against else {"0": 0.0}
            if clean:
                values.append(mean(mine.values()) - mean(clean.values()))
            else:
                missing.append((model, aim.clean))
        else:
            other = results.get(aim.against)
            theirs = other.scores.get(metric, {}) if other else {}
            same = [seed for seed in mine if other and seed in theirs and _alike(own, other, metric, seed)]
            if same:
                values.append(mean(mine[seed] - theirs[seed] for seed in same))
            else:
                missing.append((aim.against, f"{metric}, on other texts" if theirs else metric))
    return Found(None if missing else mean(values), tuple(missing))


def _alike(one: Result, other: Result, metric: str, seed: str) -> bool:
    return one.checksums[metric][seed] == other.checksums[metric][seed]


def _speed(aim: SpeedAim, speeds: Mapping[str, Mapping[str, Any]], model: str, shipped: Shipped | None) -> float | None:
    """Return how many times as fast as the other one a model is, None where not that which ships was timed."""
    if not _is_timed(aim, speeds, model, shipped):
        return None
    return speed_ratio(speeds, aim.words, aim.kind, model + aim.form, aim.against)


def _time(aim: TimeAim, speeds: Mapping[str, Mapping[str, Any]], model: str, shipped: Shipped | None) -> float | None:
    """Return how many milliseconds a model takes, None where not that which ships was timed."""
    if not _is_timed(aim, speeds, model, shipped):
        return None
    return milliseconds(speeds, aim.words, aim.kind, model + aim.form)


def _is_timed(
    aim: SpeedAim | TimeAim, speeds: Mapping[str, Mapping[str, Any]], model: str, shipped: Shipped | None
) -> bool:
    timed = speeds.get("cpu-throughput", {}).get("models", {}).get(model + aim.form, {})
    known = (shipped or {}).get(model)
    return cell_of(speeds, aim.words, aim.kind) is not None and (known is None or timed.get("revision") in known)


def _asked(aim: Aim) -> str:
    wanted = _list(aim.least, "≥ {:+g}" if aim.against else "≥ {:g}")
    return f"{wanted} against {aim.against}" if aim.against else wanted


def _list(least: Sequence[float | None], form: str) -> str:
    """Write what is asked of each model; the sign of comparison once."""
    sign, _, number = form.partition(" ")
    return f"{sign} " + " / ".join("–" if value is None else number.format(value) for value in least)


def _is_met(value: float | None, limit: float | None, *, at_most: bool = False) -> bool:
    if value is None or limit is None:
        return False
    return value <= limit if at_most else value >= limit


def _cell(value: float | None, limit: float | None, form: str, *, at_most: bool = False) -> str:
    if value is None:
        return "–"
    if limit is None:
        return form.format(value)
    shown = form.format(value)
    if _is_met(value, limit, at_most=at_most):
        return f"**{shown}**"
    lacking = f"{value - limit:+.2f}" if "×" in form else f"{value - limit:+.1f}"
    return f"{shown} ({lacking})"


def _beside(aim: Aim, results: Mapping[str, Result], peer: str) -> str:
    """Write a peer's score, or what it loses where that is what the aim is of."""
    lost = aim.against == OWN
    found = found_of(aim if lost else replace(aim, against=""), results, peer)
    return _cell(found.value, None, "{:+.1f}" if lost else "{:.1f}")


def _said(missing: Mapping[tuple[str, str], Mapping[str, None]], stored: Stored, shipped: Shipped | None) -> str:
    if not missing:
        return "All was measured."
    parts = []
    for (model, suite), metrics in missing.items():
        some = ", ".join(list(metrics)[:4]) + (f", … {len(metrics)} in all" if len(metrics) > 4 else "")
        older = any(each.model == model and not is_current(each, shipped) for each in stored.get(suite, ()))
        parts.append(f"`{suite}` of {model} ({some})" + ", of an older revision alone" * older)
    return f"Not measured: {'; '.join(parts)}."
