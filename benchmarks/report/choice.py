"""Which of the stored results a report speaks of: of each model the newest, of a shipped model what it is now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from tiered_st.model import pretrained

if TYPE_CHECKING:
    from benchmarks.store import Result

Shipped = Mapping[str, Sequence[str]]  # the revisions of each shipped model that are the model as it ships


def shipped_revisions(results: Iterable[Result]) -> dict[str, list[str]]:
    """Return what results of the shipped models among these are stored under; each is loaded for that."""
    from benchmarks.peers import resolve

    found = {}
    for name in sorted({result.model for result in results} & set(pretrained())):
        candidate = resolve(name)
        found[name] = [revision for revision in (candidate.revision, candidate.former_revision) if revision]
    return found


def is_current(result: Result, shipped: Shipped | None) -> bool:
    """Tell whether a result is of the model that ships, or of one that does not ship."""
    known = (shipped or {}).get(result.model.partition(" ")[0])  # "en-small ONNX int8" has the weights of en-small
    return known is None or result.revision in known


def newest(results: Iterable[Result], shipped: Shipped | None = None) -> list[Result]:
    """Keep one result of each model, the oldest of those first.

    Args:
        results: Of one suite.
        shipped: As `shipped_revisions` returns it.

    Returns:
        The newest of each; of a shipped model the newest of the model as it ships, or of older ones where it was not
        measured: `is_current` tells.
    """

    def date(result: Result) -> str:
        return str(result.provenance.get("date", ""))

    kept = {}
    for result in sorted(results, key=lambda result: (is_current(result, shipped), date(result))):
        kept[result.model] = result
    return sorted(kept.values(), key=date)
