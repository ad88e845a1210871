"""Reading texts: every line is a record or is accounted for."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tiered_st.records import RecordReader, blocks, guess_format
from tiered_st.records import tables as record_tables
from tiered_st.records.rows import Columns, InputError, Record


def write(path: Path, content: bytes | str) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def texts(*sources: str, **options: object) -> list[str]:
    return [record.text for record in RecordReader(sources, **options)]  # type: ignore[arg-type]


def skipping(*sources: str, **options: object) -> tuple[list[str], list[str]]:
    """Return the texts read and the reports of the lines skipped."""
    reports: list[str] = []
    reader = RecordReader(sources, skip=True, report=reports.append, **options)  # type: ignore[arg-type]
    found = [record.text for record in reader]
    assert (reader.read, reader.skipped) == (len(found), len(reports))
    return found, reports


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.txt", "text"),
        ("a", "text"),
        ("a.JSONL", "jsonl"),
        ("b.csv", "csv"),
        ("b.tsv", "tsv"),
        ("c.parquet", "parquet"),
    ],
)
def test_suffix_gives_the_format(name: str, format: str) -> None:
    assert guess_format(name) == format


def test_lines_keep_blanks_spaces_and_their_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"\xef\xbb\xbfone\r\n\n  two \nlast\xc3\xa9")
    records = list(RecordReader([path]))
    assert records[0] == Record(f"{path}:1", "one", f"{path}:1")
    assert [record.text for record in records] == ["one", "", "  two ", "lasté"]
    assert records[-1].id == f"{path}:4"


def test_only_line_feeds_end_a_line(tmp_path: Path) -> None:
    assert texts(write(tmp_path / "a.txt", "a\u2028b\x0bc\x85d\n")) == ["a\u2028b\x0bc\x85d"]


def test_invalid_utf8_costs_its_own_line_only(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"good\nb\xffd\nfine\n")
    with pytest.raises(InputError, match=r"a\.txt:2: invalid UTF-8 \(byte 0xff at position 1\)"):
        texts(path)
    found, reports = skipping(path)
    assert found == ["good", "fine"]
    assert reports == [f"{path}:2: skipped: invalid UTF-8 (byte 0xff at position 1)"]


JSONL_LINES = [
    ("{broken", "not JSON"),
    ('["text"]', "not a JSON object but a list"),
    ('{"body": "x"}', "field 'text' is missing"),
    ('{"text": null, "key": 1}', "field 'text' is not text but null"),
    ('{"text": "x"}', "field 'key' is missing"),
    ('{"text": "x", "key": true}', "field 'key' is not text or a whole number but a bool"),
    ("[" * 100_000, "not JSON"),
]


@pytest.mark.parametrize(("line", "reason"), JSONL_LINES)
def test_broken_json_lines_say_what_is_wrong(tmp_path: Path, line: str, reason: str) -> None:
    path = write(tmp_path / "a.jsonl", f'{{"text": "first", "key": 7}}\n\n{line}\n{{"text": "last", "key": "k"}}\n')
    found, reports = skipping(path, columns=Columns("text", "key"))
    assert found == ["first", "last"]
    assert len(reports) == 1 and reports[0].startswith(f"{path}:3: skipped: {reason}")
    with pytest.raises(InputError, match=r"a\.jsonl:3: .*--on-error skip"):
        texts(path, columns=Columns("text", "key"))


def test_jsonl_ids_may_be_text_or_whole_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"body": "x", "key": 7}\n{"body": "\\ud800", "key": "k"}')
    records = list(RecordReader([path], columns=Columns("body", "key")))
    assert [(record.id, record.text) for record in records] == [("7", "x"), ("k", "\ud800")]


def test_csv_rows_are_known_by_their_first_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b'id,text\n1,"two\nlines, one ""cell"""\n\n2,plain\n3\n4,b\xe9d\n5,"",x\n6,last\n')
    found, reports = skipping(path)
    assert found == ['two\nlines, one "cell"', "plain", "last"]
    assert reports == [
        f"{path}:6: skipped: 1 columns where the header has 2",
        f"{path}:7: skipped: invalid UTF-8",
        f"{path}:8: skipped: 3 columns where the header has 2",
    ]
    assert [record.where for record in RecordReader([path], skip=True)] == [f"{path}:2", f"{path}:5", f"{path}:9"]


def test_a_quote_never_closed_says_what_it_swallowed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'text\nfine\n"open\nlost\nlost too\n')
    found, reports = skipping(path)
    assert found == ["fine"]
    assert reports[0].startswith(f"{path}:3: ") and "all lines up to 5 are lost with it" in reports[0]


def test_what_an_open_quote_can_swallow_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_tables, "FIELD_LIMIT", 1000)
    path = write(tmp_path / "a.csv", 'text\n"open\n' + "x" * 99 + "\n" + ("y" * 99 + "\n") * 50)
    found, reports = skipping(path)
    assert len(reports) == 1 and "field larger than field limit" in reports[0]
    assert found == ["y" * 99] * len(found) and len(found) > 30  # reading goes on behind the limit


def test_tsv_and_other_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "key\ttitle\nk1\ta, b\n")
    records = list(RecordReader([path], columns=Columns("title", "key")))
    assert records == [Record("k1", "a, b", f"{path}:2")]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [("", "is missing; there are: none"), ("a,b\n", "is missing; there are: a, b"), ("text,text\n", "comes twice")],
)
def test_a_header_without_the_column_is_fatal_even_when_skipping(tmp_path: Path, content: str, complaint: str) -> None:
    with pytest.raises(InputError, match=rf"a\.csv:1: column 'text' {complaint}"):
        texts(write(tmp_path / "a.csv", content), skip=True)


def test_parquet_rows_nulls_and_ids(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = str(tmp_path / "a.parquet")
    body = [f"text {i}" for i in range(1500)]
    pq.write_table(pa.table({"n": range(1500), "body": [*body[:1200], None, *body[1201:]], "x.y": body}), path)
    reader = RecordReader([path], columns=Columns("body", "n"), skip=True)
    records = list(reader)
    assert [record.id for record in records] == [str(i) for i in range(1500) if i != 1200]
    assert (records[-1].text, records[-1].where, reader.skipped) == ("text 1499", f"{path}:1500", 1)
    with pytest.raises(InputError, match=r"a\.parquet:1201: field 'body' is not text but null"):
        texts(path, columns=Columns("body"))
    with pytest.raises(InputError, match=r"column 'text' is missing; there are: n, body, x\.y"):
        texts(path)


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(InputError, match=r"a\.parquet: not a parquet file"):
        texts(write(tmp_path / "a.parquet", b"PAR1 no"), skip=True)


def test_stdin_and_files_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"from stdin\n")))
    first, last = write(tmp_path / "a.txt", "a\n"), write(tmp_path / "b.jsonl", '{"text": "b"}')
    records = list(RecordReader([first, "-", last]))
    assert [record.text for record in records] == ["a", "from stdin", "b"]
    assert records[1].id == "stdin:1"


def test_check_finds_bad_sources_before_any_work(tmp_path: Path) -> None:
    for sources, complaint in [
        (["-", "-"], "given twice"), ([str(tmp_path / "no")], "no: no such file"), ([str(tmp_path)], "is a folder"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=complaint):
            RecordReader(sources).check()


def test_blocks_hold_all_records(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "1\n2\n3\n4\n5\n")
    assert [len(block) for block in blocks(iter(RecordReader([path])), 2)] == [2, 2, 1]


def test_reading_is_lazy(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"good\n\xff\n")
    assert next(iter(RecordReader([path]))).text == "good"  # the broken second line has not been met
