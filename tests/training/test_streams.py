"""Windows of a stream: what is in them, which of them a draw is of, and that nothing else is held."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tiered_st.config import ChunkConfig
from tiered_st.noise import NoisePolicy
from training.read_table import read_table, rows_of
from training.recipe_files import find_recipe
from training.sources import Source
from training.streams import row_reader, word_counts
from training.streams.layout import Layout
from training.streams.row_counts import RowCounts
from training.streams.row_reader import RowReader
from training.streams.stream_config import StreamConfig
from training.streams.streamed_task import StreamedTask
from training.streams.streams import Streams
from training.streams.window_cutter import WindowCutter
from training.streams.window_writer import WindowWriter
from training.streams.word_counter import WordCounter
from training.streams.word_counts import WordCounts
from training.tasks import Noise, TextTask
from training.teacher import DeadlinePassed
from training.words import count_chunks

NOISE = Noise(NoisePolicy(weights=(("typos", 1.0),), rates=(0.1, 0.3)), None, 0.0, "s")
ROWS = [{"text": f"Row {i} is here. {'It is long ' * (i % 4)}.", "lang": ["en", "de"][i % 3 == 0]} for i in range(50)]
SHORT = ChunkConfig(chunk_chars=20)
SHARDS = (0, 11, 12, 35, 50)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same rows as tables and as folders of shards, of every kind."""
    folder = tmp_path_factory.mktemp("tables")
    for name, bounds in {"one": (0, len(ROWS)), "many": SHARDS}.items():
        for kind in ("parquet", "csv", "jsonl"):
            (folder / f"{kind}_{name}").mkdir()
            for number, (start, end) in enumerate(itertools.pairwise(bounds)):
                path, rows = folder / f"{kind}_{name}" / f"{number:02d}.{kind}", ROWS[start:end]
                if kind == "parquet":
                    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=4)
                elif kind == "csv":
                    path.write_text("text,lang\n" + "".join(f"{row['text']},{row['lang']}\n" for row in rows))
                else:
                    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "whole").mkdir()
    pq.write_table(pa.Table.from_pylist(ROWS), folder / "whole" / "all.parquet")
    for path in [*folder.glob("*_one/*"), folder / "whole" / "all.parquet"]:
        path.rename(folder / f"{path.parent.name}{path.suffix}")
        path.parent.rmdir()
    (folder / "lines.txt").write_text("one\n\ntwo\nthree\n", encoding="utf-8")
    return folder


def reader_of(source: Source, data: Path, kind: str = "texts", turn: list[int] | None = None) -> RowReader:
    return RowReader(kind, (source, source), data, RowCounts(data, data / "cache"), turn)


def streams(data: Path, cache: Path, kept: int = 0, **config: Any) -> Streams:
    return Streams(StreamConfig(**config), 0, data, cache, kept)


def write(folder: Path, texts: list[str], shards: int = 1) -> Source:
    (folder / "texts").mkdir(exist_ok=True)
    for number, part in enumerate(np.array_split(np.array(texts, dtype=object), shards)):
        pq.write_table(pa.table({"text": part.tolist()}), folder / "texts" / f"{number:03d}.parquet", row_group_size=3)
    return Source("texts", ("text",))


TAKEN = [
    {}, {"where": (("lang", "!de"),)}, {"limit": 7}, {"limit": 7, "where": (("lang", "de"),)}, {"split": True},
    {"lengths": (4, 7)}, {"limit": 200},
]  # fmt: skip


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("taken", TAKEN, ids=str)
def test_a_stream_has_the_items_of_the_table_and_goes_on_at_any_row(
    kind: str, taken: dict[str, Any], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_reader, "_TOGETHER", 5)
    whole = list(Source("whole", ("text",), **taken).texts(data))
    for name in (f"{kind}_one", f"{kind}_many"):
        source, rows, states = Source(name, ("text",), **taken), [], []
        reader = reader_of(source, data)
        for row in reader.rows():
            rows.append(row)
            states.append(json.dumps(reader.state()))
        assert [text for row in rows for text in row] == whole * 2
        for number in range(1, len(rows), 19):
            assert list(reader_of(source, data).rows(json.loads(states[number]))) == rows[number + 1 :]


def test_pairs_have_the_clusters_they_have_in_a_table(data: Path) -> None:
    for source in (Source("whole", ("text", "lang"), limit=9), Source("whole", ("text", "lang"), cluster="lang")):
        read = [pair for row in reader_of(source, data, "pairs").rows() for pair in row]
        assert read == list(source.pairs(data)) * 2


def test_lines_and_the_hub_are_streamed(data: Path, tmp_path: Path) -> None:
    assert [row["text"] for row in rows_of(data / "lines.txt")] == ["one", "", "two", "three", ""]
    assert list(reader_of(Source("lines", ("text",)), data).rows())[:5] == [["one"], [], ["two"], ["three"], []]
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "train.parquet")
    hub = Source(f"hub:{tmp_path}", ("text",), where=(("lang", "de"),), limit=3)
    assert [text for row in reader_of(hub, data).rows() for text in row] == list(
        Source("whole", ("text",), where=hub.where, limit=3).texts(data)
    ) * 2
    with pytest.raises(ValueError, match="has no column nothing; it has text, lang"):
        list(reader_of(Source(f"hub:{tmp_path}", ("nothing",)), data).rows())


def test_files_are_read_in_another_order_where_asked(data: Path) -> None:
    source = Source("parquet_many", ("text",))
    rows = [list(reader_of(source, data, turn=turn).rows()) for turn in (None, [0, 1], [0, 2])]
    assert rows[1] != rows[0] != rows[2] and sorted(rows[1]) == sorted(rows[0]) == sorted(rows[2])
    assert rows[1] == list(reader_of(Source("parquet_many", ("text",)), data, turn=[0, 1]).rows())


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"t.csv": "a\n1\n", "t/0.csv": "a\n1\n"}, r"t\.csv and the folder t/"),
        ({"t/0.csv": "a\n1\n", "t/1.jsonl": "{}\n"}, r"files of \.csv, \.jsonl"),
        ({"t/0.csv": "a\n1\n", "t/1.csv": "b\n1\n"}, r"1\.csv has no column a; it has b"),
        ({"t.csv": "a,b\n1,2\n3\n"}, "Row 2 of .* does not have its columns, a, b"),
        ({"t.jsonl": '{"a": "1"}\n[1]\n'}, "Line 2 of .* is not a JSON object"),
        ({}, "nor a folder"),
    ],
)
def test_tables_that_cannot_be_streamed_are_refused(files: dict[str, str], says: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=says):
        list(reader_of(Source("t", ("a",)), tmp_path).rows())


@pytest.mark.parametrize(
    ("texts", "buffer", "sizes"),
    [
        (0, 4, [0]), (3, 4, [3]), (4, 4, [4]), (5, 4, [5]), (6, 4, [4, 2]), (9, 4, [4, 5]), (12, 4, [4, 4, 4]),
        (3, 1, [1, 1, 1]),
    ],
)  # fmt: skip
def test_windows_are_cut_at_rows_and_a_small_rest_is_of_the_last(
    texts: int, buffer: int, sizes: list[int], tmp_path: Path
) -> None:
    source = write(tmp_path, [f"t{i}" for i in range(texts)])
    cutter = WindowCutter("texts", RowReader("texts", (source,), tmp_path, RowCounts(tmp_path, tmp_path)), buffer)
    found = []
    while not found or not found[-1].ended:
        found.append(cutter.cut())
    assert [len(window.items) for window in found] == sizes
    assert [text for window in found for text in window.items] == [f"t{i}" for i in range(texts)]


def test_a_text_is_met_once_in_a_window(tmp_path: Path) -> None:
    source = write(tmp_path, ["a", "b", "a"] * 50 + ["c"])
    reader = RowReader("texts", (source,), tmp_path, RowCounts(tmp_path, tmp_path))
    assert WindowCutter("texts", reader, 3).cut().items == ["a", "b", "c"]


@pytest.mark.parametrize("rows", [500, 5_000])
def test_no_more_than_a_window_and_a_half_is_held_however_much_there_is(rows: int, tmp_path: Path) -> None:
    source = write(tmp_path, [f"text {i}" for i in range(rows)], shards=5)
    writer = streams(tmp_path, tmp_path / "cache", buffer=40).of("texts", (source,))
    assert sum(len(texts) for texts in writer.cut_from(0)) == rows
    assert writer.most == 60


def task_of(data: Path, cache: Path, source: Source, batch: int, **config: Any) -> tuple[StreamedTask, WindowWriter]:
    found = streams(data, cache, **config)
    make: Any = Maker(batch)
    task = found.task("texts", (source,), make, batch, None)
    return task, found.writer_of(task)


@dataclasses.dataclass
class Maker:
    batch: int

    def __call__(self, texts: list[str], **epochs: Any) -> TextTask:
        return TextTask(texts, NOISE, self.batch, seed=3, **epochs)


def walk(task: StreamedTask, writer: WindowWriter, batches: int, first: int = 0) -> Iterator[list[dict[str, Any]]]:
    for start in range(first * task.batch, (first + batches) * task.batch, task.batch):
        writer.open(start, task.batch)
        yield task.rows(list(range(start, start + task.batch)))


def test_one_window_has_the_rows_of_a_list(tmp_path: Path) -> None:
    texts = [f"{i} {'x' * (i % 7)}" for i in range(45)]
    task, writer = task_of(tmp_path, tmp_path / "cache", write(tmp_path, texts), 4, buffer=45)
    rows = [row for batch in walk(task, writer, 30) for row in batch]
    assert rows == Maker(4)(texts).rows(list(range(120)))


@pytest.mark.parametrize("shuffle", [False, True])
def test_windows_meet_every_text_once_an_epoch_and_any_draw_is_the_same_row(shuffle: bool, tmp_path: Path) -> None:
    texts = [f"{i} {'x' * (i % 7)}" for i in range(48)]
    settings: dict[str, Any] = {"buffer": 16, "shuffle_shards": shuffle}
    source = write(tmp_path, texts, shards=6)
    task, writer = task_of(tmp_path, tmp_path / "cache", source, 4, **settings)
    batches = list(walk(task, writer, 36))  # three epochs
    met = [[row["clean"] for batch in batches[start : start + 12] for row in batch] for start in (0, 12, 24)]
    assert all(sorted(epoch) == sorted(texts) for epoch in met)
    assert met[0] != met[1] != met[2] != met[0]
    first = [sorted(epoch[:16]) for epoch in met]
    assert first[0] == sorted(texts[:16]) and (first[1] == first[0]) is not shuffle
    for number in (20, 3, 35, 12):  # anew, with nothing and with all that was written
        for cache in ("cache", f"other-{number}"):
            again, opener = task_of(tmp_path, tmp_path / cache, source, 4, **settings)
            assert next(walk(again, opener, 1, number)) == batches[number]


def test_windows_removed_from_disk_are_read_again(tmp_path: Path) -> None:
    source = write(tmp_path, [f"text {i}" for i in range(60)])
    task, writer = task_of(tmp_path, tmp_path / "cache", source, 5, buffer=10)
    everything = list(walk(task, writer, 24))
    writer.kept = 2
    assert list(walk(task, writer, 24)) == everything
    assert len(list(writer.windows.folder.glob("walk-0/*/"))) == 2
    other, opener = task_of(tmp_path, tmp_path / "cache", source, 5, buffer=10, kept=3)
    assert list(walk(other, opener, 3, 5)) == everything[5:8]
    assert len(list(writer.windows.folder.glob("walk-0/*/"))) == 3


def test_sources_that_changed_while_they_were_read_are_told(tmp_path: Path) -> None:
    source = write(tmp_path, [f"text {i}" for i in range(40)])
    task, writer = task_of(tmp_path, tmp_path / "cache", source, 5, buffer=10, kept=1)
    list(walk(task, writer, 8))
    write(tmp_path, ["text 1"] * 40)
    with pytest.raises(ValueError, match=r"Window 0 of .* had 10 texts .* and has 1 now: the sources changed"):
        writer.open(0, 5)
    other = streams(tmp_path, tmp_path, buffer=10).of("texts", (source,))
    assert other.windows.folder.name != writer.windows.folder.name


def test_too_few_texts_for_a_batch_are_refused(tmp_path: Path) -> None:
    _, writer = task_of(tmp_path, tmp_path / "cache", write(tmp_path, ["a", "b", "c"]), 4)
    with pytest.raises(ValueError, match="3 texts in windows of at most 3 cannot fill a batch of 4"):
        writer.open(0, 4)


def test_a_layout_forgets_the_line_that_a_kill_tore_off(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "walk-0.jsonl")
    layout.append(4, {"since": 1}, ended=False)
    with layout.path.open("ab") as file:
        file.write(b'{"walk": 9, "sta')
    other = Layout(layout.path)
    assert other.walks == [4]
    other.append(5, {"since": 2}, ended=True)
    layout.refresh()
    assert layout.walks == [4, 5] and layout.ended and layout.states[1] == {"since": 2}


def test_words_are_counted_exactly_while_they_fit_and_rare_ones_go_when_not() -> None:
    exact = WordCounter(4)
    for text in ("aabbc", "cd"):
        exact.add(Counter(text))
    assert exact.counts == Counter("aabbccd") and exact.lost == 0
    exact.add(Counter("e"))  # a fifth: those met once go, and then no more than half are left but for ties
    assert exact.counts == {} and exact.lost == 2
    words = Counter({"the": 900, "cat": 30, "dog": 3, "ox": 2, "yak": 1})
    few = WordCounter(4)
    for _ in range(3):
        few.add(words)
    assert few.counts["the"] == 2700 and few.counts["cat"] == 90
    assert all(words[word] * 3 - few.lost <= few.counts[word] <= words[word] * 3 for word in words)


def test_words_of_a_stream_are_counted_once_and_on_from_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"the {animal} number {i}" for i, animal in enumerate(["cat", "dog", "ox"] * 20)]
    source = write(tmp_path, texts, shards=3)
    monkeypatch.setattr(word_counts, "_TURN", 0.0)  # kept after every window
    cut, seen = WindowWriter.cut_from, []

    def dies(self: WindowWriter, window: int) -> Iterator[list[Any]]:
        for items in cut(self, window):
            seen.append(len(items))
            if len(seen) == 3:
                raise KeyboardInterrupt
            yield items

    monkeypatch.setattr(WindowWriter, "cut_from", dies)
    with pytest.raises(KeyboardInterrupt):
        WordCounts(streams(tmp_path, tmp_path / "c", buffer=10).of("texts", (source,)), SHORT, 1_000).count()
    with pytest.raises(DeadlinePassed):
        WordCounts(streams(tmp_path, tmp_path / "c", buffer=10).of("texts", (source,)), SHORT, 1_000).count(0.0)
    again = WordCounts(streams(tmp_path, tmp_path / "c", buffer=10).of("texts", (source,)), SHORT, 1_000)
    assert again.count() == count_chunks(texts, SHORT)
    assert len(seen) == 7  # one of six twice
    assert again.count() == count_chunks(texts, SHORT) and len(seen) == 7
    few = WordCounts(streams(tmp_path, tmp_path / "c", buffer=10).of("texts", (source,)), SHORT, 10).count()
    assert few["the"] == few["number"] == 60 and few["cat"] == 20 and len(few) < 20


def test_lone_surrogates_emoji_and_nulls_pass(tmp_path: Path) -> None:
    rows = ["\ud83d alone", "😀 both", None, "", "x\u2028y\x85z"] * 2
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in rows))
    task, writer = task_of(tmp_path, tmp_path / "cache", Source("t", ("text",)), 3)
    assert sorted(row["clean"] for row in next(walk(task, writer, 1))) == sorted([rows[0], rows[1], rows[4]])
    assert read_table(tmp_path / "t.jsonl") == {"text": rows}


def test_settings_of_a_stream_are_checked() -> None:
    with pytest.raises(ValueError, match="buffer=0"):
        StreamConfig(buffer=0)
    with pytest.raises(ValueError, match="words=1"):
        StreamConfig(words=1)


def test_the_head_of_a_stream_is_all_that_is_read(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, seen = Source("jsonl_many", ("text",), where=(("lang", "en"),)), []
    monkeypatch.setattr(row_reader, "_TOGETHER", 4)
    monkeypatch.setattr(Source, "keeps", lambda self, row: seen.append(row) is None and row["lang"] == "en")
    rows = list(RowReader("texts", (source,), data, RowCounts(data, data), head=5).rows())
    assert rows == [[row["text"]] for row in ROWS if row["lang"] == "en"][:5] and len(seen) < 10


def test_a_smoke_run_of_a_stream_reads_only_its_head() -> None:
    small = find_recipe("scratch")
    small = dataclasses.replace(small, texts=small.texts[:3], stream=StreamConfig(buffer=100)).smoke()
    assert small.stream == StreamConfig(buffer=100, head=200)
    assert small.texts == find_recipe("scratch").texts[:2] and small.stages[0].steps == 3
    with pytest.raises(ValueError, match="head=-1"):
        StreamConfig(head=-1)
