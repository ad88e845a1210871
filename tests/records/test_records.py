"""Reading texts: every line is a record or is accounted for."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
from pathlib import Path
from typing import Any

import pytest

from tiered_st.records import RecordReader, blocks, guess_format
from tiered_st.records import source as record_source
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
    assert reader.read == len(found) and reader.skipped >= len(reports)
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
    with pytest.raises(InputError, match=r"a\.txt:2: invalid UTF-8 \(byte 0xff at position 1; --encoding"):
        texts(path)
    found, reports = skipping(path)
    assert found == ["good", "fine"]
    assert reports == [
        f"{path}:2: skipped: invalid UTF-8 (byte 0xff at position 1; --encoding NAME reads another one, such as cp1252)"
    ]


JSONL_LINES = [
    ("{broken", "not JSON"),
    ('["text"]', "not a JSON object but a list"),
    ('{"body": "x"}', "field 'text' is missing"),
    ('{"text": null, "key": 1}', "field 'text' is not text but null"),
    ('{"text": "x"}', "field 'key' is missing"),
    ('{"text": "x", "key": true}', "field 'key' is not text or a whole number but a bool"),
    ('{"text": "x", "key": 1, "text": "y"}', "field 'text' comes twice"),
    ('{"key": 1, "text": "x", "key": 1}', "field 'key' comes twice"),
    ('{"key": 1, "text": {"text": "x"}}', "field 'text' is not text but an object"),
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
        f"{path}:7: skipped: invalid UTF-8 (--encoding NAME reads another one, such as cp1252)",
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


# what files people read in


@pytest.mark.parametrize(("suffix", "compress"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_compressed_files_are_read_whatever_their_names(tmp_path: Path, suffix: str, compress: Any) -> None:
    body = compress(b'{"text": "one"}\n') + compress(b'{"text": "two"}\n')  # two members
    assert texts(write(tmp_path / f"a.jsonl.{suffix}", body)) == ["one", "two"]
    assert texts(write(tmp_path / "b.txt", compress(b"plain"))) == ["plain"]
    with pytest.raises(InputError, match=r"c\.txt: damaged or cut short"):
        texts(write(tmp_path / "c.txt", compress(b"plain" * 1000)[:-6]), skip=True)
    notes: list[str] = []
    assert texts(write(tmp_path / f"d.{suffix}", "no"), note=notes.append) == ["no"]
    assert "read as it is" in notes[0]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_what_stands_behind_compressed_data_is_not_lost(tmp_path: Path, compress: Any) -> None:
    path = tmp_path / "a.txt.z"
    path.write_bytes(compress(b"one\n") + b"\0" * 512 + compress(b"two\n" * 9000) + b"\0" * 4)
    assert texts(path) == ["one", *["two"] * 9000]
    path.write_bytes(compress(b"one\n") + b"two\n")
    with pytest.raises(InputError, match="damaged or cut short"):
        texts(path)


def test_zstd_is_read_or_refused_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "compression.zstd", None)
        patch.setitem(sys.modules, "zstandard", None)
        with pytest.raises(InputError, match="pip install zstandard"):
            texts(write(tmp_path / "a.zst", b"\x28\xb5\x2f\xfd..."))
    zstandard = pytest.importorskip("zstandard")
    body = zstandard.compress(b"one\n") + zstandard.compress(b"two\n" * 100_000)
    assert len(texts(write(tmp_path / "a.txt.zst", body))) == 100_001
    with pytest.raises(InputError, match="cut short zstd"):
        texts(write(tmp_path / "b.zst", body[:-3]))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_encodings_that_show_are_found(tmp_path: Path, encoding: str) -> None:
    notes: list[str] = []
    path = write(tmp_path / "a.txt", "first line\nзweite 機械\r\nlast\n".encode(encoding))
    assert texts(path, note=notes.append) == ["first line", "зweite 機械", "last"]
    assert bool(notes) == (encoding != "utf-8-sig")


def test_encodings_that_do_not_show_are_given(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text;n\ncafé;1\n".encode("cp1252"))
    assert texts(path, encoding="cp1252") == ["café"]
    with pytest.raises(InputError, match="--encoding NAME"):
        texts(path)
    with pytest.raises(InputError, match="is not utf-16"):
        texts(write(tmp_path / "b.txt", "ab".encode("utf-16") + b"\x00"), skip=True)
    with pytest.raises(InputError, match="byte-order mark says utf-16"):
        texts(write(tmp_path / "c.txt", "ab".encode("utf-16")), encoding="cp1252")


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04rest", b"%PDF-1.7\n", bytes(range(256)) * 20, b"\x89PNG\r\n\x1a\n\0\0\0\r"]
)
def test_binary_files_are_refused_even_when_skipping(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"a\.txt: is .*not text"):
        texts(write(tmp_path / "a.txt", content), skip=True)


def test_nul_bytes_cost_their_own_line(tmp_path: Path) -> None:
    lines = b"good line of a text that has no other fault\nb\0d\nfine\n"
    assert skipping(write(tmp_path / "a.txt", lines))[0][-1] == "fine"
    for name in ("a.csv", "a.tsv"):
        found, reports = skipping(write(tmp_path / name, b"text\n" + lines))
        assert len(found) == 2 and "NUL" in reports[0]


@pytest.mark.parametrize("size", [1, 2, 3, 1 << 16])
def test_carriage_returns_end_lines_wherever_chunks_do(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_source, "_CHUNK", size)
    assert texts(write(tmp_path / "a.txt", b"a\rb\r\nc\n\rd\r\r\ne\r")) == ["a", "b", "c", "", "d", "", "e"]


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_source, "LINE_LIMIT", 1000)
    with pytest.raises(InputError, match=r"a\.txt:2: a line of more than"):
        texts(write(tmp_path / "a.txt", "one\n" + "x" * 2000), skip=True)


def test_every_line_of_a_tsv_is_a_row_unless_quoting_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", 'id\ttext\n1\t"stray\n2\tb\n3\tc"\n4\td\n')
    assert texts(path) == ['"stray', "b", 'c"', "d"]
    quoted = write(tmp_path / "b.tsv", 'id\ttext\n1\t"two\nlines"\n')
    assert texts(quoted, format="tsv-quoted") == ["two\nlines"]
    with pytest.raises(InputError, match="--format tsv-quoted"):
        texts(quoted)


def test_lines_that_are_no_rows_are_counted(tmp_path: Path) -> None:
    reader = RecordReader([write(tmp_path / "a.csv", 'text\n"a\nb"\n\nc\n'), write(tmp_path / "b.jsonl", "\n\n")])
    assert [record.text for record in reader] == ["a\nb", "c"]
    assert reader.tally == {"inside quoted fields": 1, "blank": 3}
    lost = RecordReader([write(tmp_path / "c.csv", 'text\n"open\nlost\nlost\n')], skip=True)
    assert list(lost) == [] and lost.skipped == 3


def test_other_separators_are_found_in_the_header(tmp_path: Path) -> None:
    notes: list[str] = []
    assert texts(write(tmp_path / "a.csv", "id;text\n1;a, b\n"), note=notes.append) == ["a, b"]
    assert "separated by semicolons" in notes[0]


def test_an_optional_id_is_taken_where_there_is_one(tmp_path: Path) -> None:
    columns = Columns("text", "id", optional=True)
    notes: list[str] = []
    paths = [write(tmp_path / "a.csv", "id,text\nx,a\n"), write(tmp_path / "b.jsonl", '{"text": "b"}\n')]
    records = list(RecordReader(paths, columns=columns, note=notes.append))
    assert [record.id for record in records] == ["x", f"{paths[1]}:1"]
    assert len(notes) == 1 and "--no-id-field" in notes[0]
    with pytest.raises(InputError, match=r"c\.jsonl:2: has a field 'id'"):
        texts(write(tmp_path / "c.jsonl", '{"text": "b"}\n{"text": "c", "id": 1}\n'), columns=columns)
