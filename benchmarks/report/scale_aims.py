"""What was asked of scale, and what was measured, from stored results: a table for RESULTS.md.

The aims are of issue 19.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any

from benchmarks.report.markdown import markdown
from benchmarks.report.scale import speed_ratio
from benchmarks.scale.memory import growth
from benchmarks.scale.one_run import PLAIN, by_ray
from benchmarks.scale.stored import Stored
from benchmarks.scale.watched import DRIVER, WORKER

TWO_WORKERS = 1.8  # times as fast as one
OVERHEAD, OVERHEAD_ROWS = 0.10, 200_000
FLAT = 100.0  # MB
KILLS = 30
LARGE, MEMORY, RECALL, MILLISECONDS = 10_000_000, 1000.0, 0.9, 20.0


def scale_aims(stored: Stored) -> str:
    """Return a row per aim; what is met is bold, what was not measured, or of fewer rows than asked, a dash."""
    throughput, memory, kills = (stored.get(name) for name in ("throughput", "memory", "kills"))
    twice = overhead = None
    if throughput and {by_ray(1), by_ray(2)} <= set(throughput["seconds"]):
        twice = speed_ratio(throughput, by_ray(2), by_ray(1)).median
        if throughput["rows"] >= OVERHEAD_ROWS:
            overhead = 1 / speed_ratio(throughput, by_ray(1), PLAIN).median - 1
    rises = {role: _rise(memory, role) for role in (DRIVER, WORKER)}
    broken = _broken(kills)
    cells = stored.get("index", {}).get("cells", ())
    large = next((cell["search"] for cell in cells if (cell["kind"], cell["count"]) == ("ivf_pq", LARGE)), None)
    rows = [
        ["two workers against one", f"≥ {TWO_WORKERS:g}×", _cell(twice, "{:.2f}×", least=TWO_WORKERS)],
        [f"Ray, one worker, against the plain loop, {OVERHEAD_ROWS:,} rows", f"≤ {100 * OVERHEAD:+.0f} % of its time",
         _cell(overhead and 100 * overhead, "{:+.0f} %", most=100 * OVERHEAD)],
        *([f"memory of the {role} from 100,000 to 1,000,000 rows", f"≤ {FLAT:+.0f} MB",
           _cell(rise, "{:+.0f} MB", most=FLAT)] for role, rise in rises.items()),
        [f"rows lost, doubled or differing after {KILLS} kills", "0", _cell(broken, "{:.0f}", most=0)],
        ["`ivf_pq`, 10 M vectors: memory of a search", f"≤ {MEMORY:,.0f} MB",
         _cell(large and large["memory"], "{:,.0f} MB", most=MEMORY)],
        ["… recall@10 after re-ranking", f"≥ {RECALL:g}", _cell(large and large["recall"], "{:.3f}", least=RECALL)],
        ["… a query on one thread, median", f"≤ {MILLISECONDS:g} ms",
         _cell(large and large["median_ms"], "{:.1f} ms", most=MILLISECONDS)],
    ]  # fmt: skip
    return markdown(["what", "aim", "measured"], rows)


def _rise(memory: Mapping[str, Any] | None, role: str) -> float | None:
    if memory is None or memory["rows"] < 1_000_000 or isnan(found := growth(memory["samples"], role)):
        return None
    return found


def _broken(kills: Mapping[str, Any] | None) -> float | None:
    if kills is None or kills["killed"] < KILLS:
        return None
    return float(kills["lost"] + kills["doubled"] + kills["differing"])


def _cell(found: float | None, form: str, *, least: float = float("-inf"), most: float = float("inf")) -> str:
    if found is None:
        return "–"
    return f"**{form.format(found)}**" if least <= found <= most else form.format(found)
