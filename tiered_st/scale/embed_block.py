"""Make a part of a block: embed its rows, and set aside those that cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.records.rows import Broken, InputError, Record
from tiered_st.scale.job import Job
from tiered_st.scale.part import TEXT, import_pyarrow, part_bytes
from tiered_st.scale.source_block import SourceBlock

BLANK = "blank: there is nothing to embed"
Encode = Callable[[Sequence[str], Sequence[str]], NDArray[np.float32]]  # texts and what messages call each


@dataclass(frozen=True)
class Made:
    """A part: its bytes, its rows, and what of the block is not in it."""

    data: bytes
    rows: int
    set_aside: list[dict[str, str]]


def embed_block(block: SourceBlock, job: Job, encode: Encode, dimension: int) -> Made:
    """Embed a block.

    Raises:
        InputError: If a row cannot be embedded, other than by being blank, and such rows are not to be set aside.
    """
    set_aside: list[dict[str, str]] = []

    def reject(where: str, reason: str) -> None:
        set_aside.append({"where": where, "reason": reason})
        refuse_unless_skipped(job, set_aside[-1])

    kept: list[int] = []
    records: list[Record] = []
    taken: set[str] = set()
    for place, row in enumerate(block.rows):
        if reason := _unfit(row, job, taken):
            reject(row.where, reason)
        elif isinstance(row, Record):
            taken.add(row.id)
            kept.append(place)
            records.append(row)
    vectors, failed = _vectors(records, encode, dimension)
    for place, reason in failed.items():
        reject(records[place].where, reason)
    left = [place for place in range(len(records)) if place not in failed]
    set_aside.sort(key=lambda row: int(row["where"].rpartition(":")[2]))
    records, kept = [records[place] for place in left], [kept[place] for place in left]
    data = part_bytes(
        [record.id for record in records], vectors[left], dtype=job.dtype,
        carried=_carried(block, job, records, kept), set_aside=set_aside,
    )  # fmt: skip
    return Made(data, len(records), set_aside)


def refuse_unless_skipped(job: Job, row: dict[str, str]) -> None:
    """Raise an InputError for a row that was set aside where that is to end the run."""
    if not job.skip and row["reason"] != BLANK:
        cure = "on_error='skip' (--on-error skip) sets such rows aside"
        raise InputError(f"{row['where']}: {row['reason']} ({cure})")


def as_text(value: Any) -> str | None:
    """Return what a column that is carried along from lines has of a value: a text as it is, another as JSON."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _unfit(row: Record | Broken, job: Job, taken: set[str]) -> str:
    """Say why a row is not to be embedded; "" for one that is."""
    if isinstance(row, Broken):
        return row.reason
    if not row.text.strip():
        return BLANK
    if row.id in taken:
        return f"the id {row.id!r} is taken by another row of this part"
    carried = {} if row.fields is None else {name: as_text(value) for name, value in row.fields.items()}
    for name, value in ({"id": row.id} | ({"text": row.text} if TEXT in job.columns else {}) | carried).items():
        if value is not None and not _is_unicode(value):
            return f"its {name} holds half of a surrogate pair, which no column of parquet can"
    return ""


def _vectors(records: Sequence[Record], encode: Encode, dimension: int) -> tuple[NDArray[np.float32], dict[int, str]]:
    """Return the vectors of records, (records, dimension), and by place why there is none; there it has zeros."""
    if not records:
        return np.zeros((0, dimension), np.float32), {}
    try:
        return encode([record.text for record in records], [record.id for record in records]), {}
    except ValueError as error:
        if len(records) == 1:
            return np.zeros((1, dimension), np.float32), {0: " ".join(str(error).split())}
    half = len(records) // 2  # one of them has none: halve until it is found
    first, failed = _vectors(records[:half], encode, dimension)
    second, more = _vectors(records[half:], encode, dimension)
    return np.concatenate([first, second]), failed | {half + place: reason for place, reason in more.items()}


def _carried(block: SourceBlock, job: Job, records: Sequence[Record], kept: Sequence[int]) -> dict[str, Any]:
    pa = import_pyarrow()
    columns: dict[str, Any] = {}
    for name in job.columns:
        if name == TEXT:
            columns[name] = pa.array([record.text for record in records], pa.string())
        elif block.columns is not None:
            columns[name] = block.columns.column(name).take(pa.array(kept, pa.int64()))
        else:
            columns[name] = pa.array([as_text((record.fields or {})[name]) for record in records], pa.string())
    return columns


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
