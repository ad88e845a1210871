"""Readers of texts open what fsspec does, and give out the fields that are carried along."""

from __future__ import annotations

import gzip
import json
import uuid
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tiered_st.records import RecordReader
from tiered_st.records.rows import Columns, InputError, Record


def put(name: str, data: bytes) -> str:
    url = f"memory://{uuid.uuid4().hex}/{name}"
    with fsspec.open(url, "wb") as file:
        file.write(data)
    return url


def test_urls_are_read_like_files(tmp_path: Path) -> None:
    lines = put("a.txt.gz", gzip.compress("one\nzwei ä\n".encode()))
    table = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": ["three"], "id": [3]}), table)
    (tmp_path / "b.csv").write_text("text\nfour\n")
    sources = [lines, put("b.parquet", table.getvalue().to_pybytes()), f"file://{tmp_path}/b.csv"]
    reader = RecordReader(sources, columns=Columns("text", "id", optional=True))
    reader.check()
    assert list(reader) == [
        Record(f"{lines}:1", "one", f"{lines}:1"),
        Record(f"{lines}:2", "zwei ä", f"{lines}:2"),
        Record("3", "three", f"{sources[1]}:1"),
        Record(f"{sources[2]}:2", "four", f"{sources[2]}:2"),
    ]


@pytest.mark.parametrize("url", ["memory://nothing/a.txt", "nosuch://a/b.txt"])
def test_a_url_that_cannot_be_opened_is_named(url: str) -> None:
    with pytest.raises(InputError, match=url):
        list(RecordReader([url]))


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_fields_are_carried_along(kind: str, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"text": "a", "x": "1", "y": "2"}, {"text": "b", "x": "3", "y": "4"}]
    path = tmp_path / f"rows.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind == "csv":
        path.write_text("text,x,y\na,1,2\nb,3,4\n")
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    found = [record.fields for record in RecordReader([str(path)], columns=Columns(carried=("x", "text")))]
    assert found == [{"x": "1", "text": "a"}, {"x": "3", "text": "b"}]


def test_a_row_may_lack_a_field_that_is_carried_along_but_a_table_may_not(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    (tmp_path / "a.csv").write_text("text\na\n")
    columns = Columns(carried=("x",))
    assert next(iter(RecordReader([str(tmp_path / "a.jsonl")], columns=columns))).fields == {"x": None}
    with pytest.raises(InputError, match="column 'x' is missing"):
        list(RecordReader([str(tmp_path / "a.csv")], columns=columns))
