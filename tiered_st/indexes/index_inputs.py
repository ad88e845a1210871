"""Read what is to be indexed or searched for, and refuse by name what iterates over something else than texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_CURES = {
    bytes: "decode it first",
    float: "leave it out, or put a text in its place",  # NaN is how tables write that there is none
    type(None): "leave it out, or put a text in its place",
}


def as_records(records: Any) -> Iterable[Any]:
    """Return what gives texts or (id, text) pairs when iterated over; of a mapping, its items.

    Raises:
        TypeError: If `records` is one string, a table (which iterates over its columns) or a set (which has no order).
    """
    refuse_inputs("records", records, pairs=True)
    return records.items() if isinstance(records, Mapping) else records


def as_queries(queries: Any) -> list[str]:
    """Return a list of texts.

    Raises:
        TypeError: If `queries` is a mapping, a table or a set.
        ValueError: If one is no text; says which.
    """
    if isinstance(queries, Mapping):
        raise TypeError("queries is a mapping, which iterates over its keys: pass list(queries.values())")
    refuse_inputs("queries", queries, pairs=False)
    texts = list(queries)
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"query {place}: expected a text, got {text!r:.80}{cure_for(text)}")
    return texts


def refuse_inputs(name: str, given: Any, *, pairs: bool) -> None:
    """Raise TypeError for one string, a table or a set."""
    if isinstance(given, (str, bytes)):
        raise TypeError(f"{name} is one string: pass a list of texts")
    if isinstance(given, (set, frozenset)):
        raise TypeError(f"{name} is a set, which has no order, and hits and row numbers do: pass sorted(…) or a list")
    columns = getattr(given, "column_names", None)  # of Arrow and Hugging Face tables; `columns` of pandas and polars
    columns = getattr(given, "columns", None) if columns is None else columns
    if columns is not None and not callable(columns) and not isinstance(given, Mapping):
        names = [str(column) for column in columns]
        cure = 'zip(table["id"], table["text"])' if pairs else 'list(table["text"])'
        kind = type(given).__name__
        raise TypeError(f"{name} is a {kind}: pass {cure}, with the columns you mean of {', '.join(names)[:200]}")


def cure_for(value: Any) -> str:
    """Return what to do about a value that should be a text, "" where that is plain."""
    cure = next((cure for kind, cure in _CURES.items() if isinstance(value, kind)), "")
    return f": {cure}" if cure else ""
