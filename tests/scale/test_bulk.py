"""Bulk embedding in one process: values, what is set aside, and going on where a run stopped."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import make_model
from embeddings_tools import files_of, rows_of

from tiered_st import runtime
from tiered_st.indexes.embedder import Embedder
from tiered_st.records.rows import InputError
from tiered_st.scale import Embeddings, EmbeddingsError, embed
from tiered_st.scale.embed_block import BLANK
from tiered_st.scale.worker import Worker

TEXTS = [f"text {number} of a few: {'ab ' * (number % 5)}😀" for number in range(50)]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "toy"
    make_model().save(str(folder), create_model_card=False)
    return str(folder)


@pytest.fixture(scope="module")
def expected(toy: str) -> np.ndarray:
    return np.asarray(runtime.load(toy, threads=1).encode(TEXTS))


@pytest.fixture
def go(toy: str, tmp_path: Path) -> Callable[..., Embeddings]:
    """Embed into tmp_path/out, eight rows a part."""

    def embedded(source: Any, **options: Any) -> Embeddings:
        return embed(source, **{"target": tmp_path / "out", "model": toy, "threads": 1, "part_rows": 8} | options)

    return embedded


def as_lines(path: Path, texts: list[str] = TEXTS) -> Path:
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


def as_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def as_parquet(path: Path, row_group_size: int = 1000, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=row_group_size)
    return path


def set_aside(folder: Path) -> list[tuple[str, str]]:
    rows = map(json.loads, (folder / "rejected.jsonl").read_text(encoding="utf-8").splitlines())
    return [(row["where"].rpartition(":")[2], row["reason"]) for row in rows]


def part_of(folder: Path, block: int) -> Path:
    """Return the part of a block of the first source."""
    return next((folder / "parts").glob(f"part-000000-{block:08d}-*.parquet"))


def table_of(embeddings: Embeddings) -> Any:
    return pa.concat_tables([pq.read_table(part) for part in embeddings.parts])


# What comes out


@pytest.mark.parametrize("kind", ["text", "jsonl", "csv", "tsv", "parquet", "gz", "bz2", "xz"])
def test_every_format_gives_the_vectors_of_encode_in_order(
    kind: str, go: Callable[..., Embeddings], expected: np.ndarray, tmp_path: Path
) -> None:
    ids: list[Any] = list(range(50))
    if kind == "text":
        path = as_lines(tmp_path / "a.txt")
        ids = [f"{path}:{number}" for number in range(1, 51)]
    elif kind in ("csv", "tsv"):
        separator = "," if kind == "csv" else "\t"
        header = separator.join(("id", "text"))
        path = as_lines(tmp_path / f"a.{kind}", [header, *(f"{id}{separator}{TEXTS[id]}" for id in ids)])
    elif kind == "parquet":
        path = as_parquet(tmp_path / "a.parquet", id=ids, text=TEXTS)
    else:
        path = as_jsonl(tmp_path / "a.jsonl", [{"id": id, "text": TEXTS[id]} for id in ids])
        if kind != "jsonl":
            pack = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[kind]
            packed = path.with_name(f"a.jsonl.{kind}")
            packed.write_bytes(pack(path.read_bytes()))
            path = packed
    found = go(path)
    assert rows_of(found)[0] == [str(id) for id in ids]
    np.testing.assert_allclose(rows_of(found)[1], expected, atol=1e-6)
    assert [text for block in found.blocks() for text in block.texts or ()] == TEXTS
    assert (found.count, found.rejected, found.dimension) == (50, 0, 32)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["manifest.json", "parts", "rejected.jsonl"]
    found.verify(ids=True)


@pytest.mark.parametrize(("dtype", "off"), [("float16", 3e-4), ("int8", 5e-3)])
def test_smaller_dtypes_are_near(dtype: str, off: float, go: Any, expected: np.ndarray, tmp_path: Path) -> None:
    found = go(as_lines(tmp_path / "a.txt"), dtype=dtype, columns=())
    np.testing.assert_allclose(rows_of(found)[1], expected, atol=off, rtol=0)
    assert table_of(found).schema.names == ["id", *(["scale"] if dtype == "int8" else []), "vector"]


def test_torch_gives_the_same_as_onnx(go: Callable[..., Embeddings], expected: np.ndarray, tmp_path: Path) -> None:
    found = go(as_lines(tmp_path / "a.txt"), backend="torch", device="cpu")
    np.testing.assert_allclose(rows_of(found)[1], expected, atol=1e-4)


def test_documents_get_the_prompt_of_documents(tmp_path: Path) -> None:
    model = make_model()
    model.prompts = {"query": "ask: ", "document": "read: "}
    model.save(str(tmp_path / "prompted"), create_model_card=False)
    found = embed(as_lines(tmp_path / "a.txt"), tmp_path / "out", model=tmp_path / "prompted", threads=1)
    assert found.meta["prompts"] == {"document": "read: ", "query": "ask: "}
    loaded = runtime.load(tmp_path / "prompted", threads=1)
    embedder = Embedder(loaded)
    assert {key: found.meta[key] for key in embedder.meta() if key != "metric"} == {
        key: value for key, value in embedder.meta().items() if key != "metric"
    }
    np.testing.assert_array_equal(rows_of(found)[1], embedder(TEXTS, TEXTS, side="document", batch_size=64))


def test_columns_keep_their_type_from_parquet_and_are_texts_from_lines(go: Any, tmp_path: Path) -> None:
    prices = pa.array([None if number == 3 else number for number in range(50)], pa.int16())
    tags = [[str(number)] * (number % 3) for number in range(50)]
    table = as_parquet(tmp_path / "a.parquet", text=TEXTS, price=prices, tags=tags)
    found = table_of(go(table, columns=["price", "text", "tags"]))
    assert found.schema.field("price").type == pa.int16() and found["price"].combine_chunks() == prices
    assert found["tags"].to_pylist() == tags and found["text"].to_pylist() == TEXTS
    rows = [{"text": "a", "x": {"b": [1, "ä"]}}, {"text": "b"}, {"text": "c", "x": "plain"}, {"text": "d", "x": None}]
    found = table_of(go(as_jsonl(tmp_path / "a.jsonl", rows), target=tmp_path / "two", columns=["x"]))
    assert found["x"].to_pylist() == ['{"b": [1, "ä"]}', None, "plain", None] and "text" not in found.schema.names


@pytest.mark.parametrize("group", [1, 7, 8, 13, 1000])
def test_row_groups_of_any_size_give_the_same(group: int, go: Any, expected: np.ndarray, tmp_path: Path) -> None:
    found = go(as_parquet(tmp_path / "a.parquet", row_group_size=group, id=list(range(50)), text=TEXTS))
    assert rows_of(found)[0] == [str(number) for number in range(50)]
    np.testing.assert_allclose(rows_of(found)[1], expected, atol=1e-6)
    assert [pq.read_metadata(part).num_rows for part in found.parts] == [8, 8, 8, 8, 8, 8, 2]


def test_lanes_of_a_file_give_what_one_reading_does(go: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quoted = [f'"{text}\n{text}"' for text in TEXTS]  # a row of csv over two lines
    sources = [
        as_lines(tmp_path / "a.txt", ["", *TEXTS]),
        as_jsonl(tmp_path / "b.jsonl", [{"id": f"b{number}", "text": text} for number, text in enumerate(TEXTS)]),
        as_lines(tmp_path / "c.csv", ["text,n", *(f"{text},1" for text in quoted)]),
    ]
    whole = go(sources, on_error="skip")
    monkeypatch.setattr("tiered_st.scale.units.LANE_BYTES", 600)
    cut = go(sources, on_error="skip", target=tmp_path / "lanes")
    first, second = files_of(tmp_path / "out"), files_of(tmp_path / "lanes")
    assert first.keys() == second.keys() and whole.count == cut.count == 150
    assert all(first[name] == second[name] for name in first if name != "manifest.json")


def test_no_rows_one_row_and_files_without_rows(go: Any, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    none = go(tmp_path / "empty.txt", target=tmp_path / "none")
    assert none.count == 0 and none.parts == [] and list(none.blocks()) == []
    none.verify()
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, rows in (("a", 0), ("b", 1), ("c", 0)):
        as_parquet(folder / f"{name}.parquet", text=pa.array(TEXTS[:rows], pa.string()))
    assert rows_of(go(folder))[0] == [f"{folder}/b.parquet:1"]


def test_a_target_and_a_source_behind_urls(go: Any, expected: np.ndarray, tmp_path: Path) -> None:
    import fsspec

    memory = f"memory://{uuid.uuid4().hex}"
    for name, texts in (("a", TEXTS[:20]), ("b", TEXTS[20:])):
        with fsspec.open(f"{memory}/in/{name}.txt.gz", "wb") as file:
            file.write(gzip.compress("".join(f"{text}\n" for text in texts).encode()))
    with fsspec.open(f"{memory}/in/_SUCCESS", "wb") as file:
        file.write(b"")
    for number, source in enumerate((f"{memory}/in", f"{memory}/in/*.gz")):
        found = go(source, target=f"{memory}/out{number}")
        np.testing.assert_allclose(rows_of(found)[1], expected, atol=1e-6)
        found.verify(ids=True)
    again = go(f"{memory}/in", target=f"{memory}/out0")
    assert again.meta == Embeddings(f"{memory}/out0").meta
    with fsspec.open(f"{memory}/in/a.txt.gz", "wb") as file:
        file.write(gzip.compress(b"other\n"))
    with pytest.raises(EmbeddingsError, match=r"a\.txt\.gz has changed"):
        go(f"{memory}/in", target=f"{memory}/out0")
    local = as_lines(tmp_path / "a.txt")
    assert go(f"file://{local}", target=f"file://{tmp_path}/url").count == 50
    with pytest.raises(InputError, match="no such file"):
        go(f"{memory}/nothing.txt", target=f"{memory}/out2")


def test_a_dataset_by_datasets(go: Any, expected: np.ndarray, tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="it streams the hub's: pip install datasets")
    home = tmp_path / "set"
    home.mkdir()
    as_parquet(home / "train-00000-of-00002.parquet", key=list(range(20)), text=TEXTS[:20])
    as_parquet(home / "train-00001-of-00002.parquet", key=list(range(20, 50)), text=TEXTS[20:])
    found = go(f"hub:{home}:train", id="key", columns=["text", "key"])
    assert rows_of(found)[0] == [str(number) for number in range(50)]
    np.testing.assert_allclose(rows_of(found)[1], expected, atol=1e-6)
    assert go(f"hub:{home}", id="key", columns=["text", "key"]).count == 50  # it has one split
    with pytest.raises(InputError, match=r"there is no split 'x'; there are: train"):
        go(f"hub:{home}:x", target=tmp_path / "two")
    with pytest.raises(InputError, match=r"column 'nothing' is missing; there are: key, text"):
        go(f"hub:{home}", text="nothing", target=tmp_path / "three")
    with pytest.raises(InputError, match="cannot be read by datasets"):
        go(f"hub:{tmp_path}/nothing", target=tmp_path / "four")


# What is set aside

BROKEN = [
    {"id": 1, "text": "fine"},
    {"id": 2, "text": None},
    {"id": 3, "text": "   "},
    {"id": 1, "text": "again"},
    {"id": 4, "text": "half \ud800 of a pair"},
    {"id": 5, "text": 3.5},
    {"id": None, "text": "no id"},
    {"id": 6, "text": "fine too"},
]


def test_rows_that_cannot_be_embedded_are_set_aside_with_place_and_reason(go: Any, tmp_path: Path) -> None:
    path = as_jsonl(tmp_path / "a.jsonl", BROKEN)
    path.write_text(path.read_text() + "no json\n\n")
    found = go(path, on_error="skip")
    assert rows_of(found)[0] == ["1", "6"]
    reasons = dict(set_aside(tmp_path / "out"))
    assert list(reasons) == ["2", "3", "4", "5", "6", "7", "9"]
    assert reasons["3"] == BLANK and "is taken" in reasons["4"] and "surrogate" in reasons["5"]
    assert "not text but null" in reasons["2"] and "not JSON" in reasons["9"]
    assert (found.rejected, found.meta["blank"], found.count) == (7, 1, 2)
    assert [row["reason"] for row in found.set_aside()] == list(reasons.values())


def test_half_a_surrogate_pair_is_embedded_where_it_is_not_carried_along(go: Any, tmp_path: Path) -> None:
    found = go(as_jsonl(tmp_path / "a.jsonl", [{"id": 1, "text": "\ud800 half"}]), columns=())
    assert found.count == 1


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_fail_stops_at_the_row_and_keeps_what_is_done(kind: str, go: Any, tmp_path: Path) -> None:
    texts: list[str | None] = [*TEXTS[:20], None, *TEXTS[20:]]
    if kind == "jsonl":
        path = as_jsonl(tmp_path / "a.jsonl", [{"text": text} for text in texts])
    else:
        path = as_parquet(tmp_path / "a.parquet", text=texts)
    with pytest.raises(InputError, match=rf"{path}:21: field 'text' is not text but null \(.*--on-error skip"):
        go(path)
    assert Embeddings(tmp_path / "out", allow_incomplete=True).count == 16
    before = files_of(tmp_path / "out" / "parts")
    found = go(path, on_error="skip")
    assert (found.count, found.rejected) == (50, 1)
    after = files_of(tmp_path / "out" / "parts")
    assert before == {name: after[name] for name in before} and len(before) == 2
    with pytest.raises(InputError, match=":21: field"):  # a complete folder is not what fail asks for
        go(path)


def test_blank_texts_end_no_run(go: Any, tmp_path: Path) -> None:
    found = go(as_lines(tmp_path / "a.txt", ["", "a", " ", "b"]))
    assert (found.count, found.rejected, found.meta["blank"]) == (2, 2, 2)
    assert go(tmp_path / "a.txt").count == 2


def test_not_a_number_is_no_text(go: Any, tmp_path: Path) -> None:
    path = as_parquet(tmp_path / "a.parquet", text=pa.array([1.5, float("nan")]))
    assert go(path, on_error="skip").count == 0
    assert [reason for _, reason in set_aside(tmp_path / "out")] == ["field 'text' is not text but a float"] * 2


def test_bytes_that_are_no_utf8_break_their_own_row(go: Any, tmp_path: Path) -> None:
    raw = pa.array([b"fine", b"\xff\xfe", b"fine too"], pa.binary())
    text = pa.StringArray.from_buffers(3, *raw.buffers()[1:])
    found = go(as_parquet(tmp_path / "a.parquet", text=text), on_error="skip")
    assert found.count == 2 and "invalid UTF-8" in set_aside(tmp_path / "out")[0][1]


def test_a_vector_without_direction_is_set_aside(go: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(self: Worker, texts: list[str], labels: list[str]) -> np.ndarray:
        if bad := [label for text, label in zip(texts, labels, strict=True) if " 7 " in text or " 9 " in text]:
            raise ValueError(f"the vector of {bad[0]!r} is zero or not finite: it has no cosine")
        return np.eye(32, dtype=np.float32)[[len(text) % 32 for text in texts]]

    monkeypatch.setattr(Worker, "_encode", encode)
    found = go(as_parquet(tmp_path / "a.parquet", id=list(range(50)), text=TEXTS), on_error="skip")
    assert rows_of(found)[0] == [str(number) for number in range(50) if number not in (7, 9)]
    kept = [len(text) % 32 for number, text in enumerate(TEXTS) if number not in (7, 9)]
    assert rows_of(found)[1].argmax(axis=1).tolist() == kept
    assert [where for where, _ in set_aside(tmp_path / "out")] == ["8", "10"]


# Going on, and refusing to


class Killed(BaseException):
    """What no handler of errors catches, as a kill."""


def test_a_run_that_was_killed_goes_on_behind_its_last_part(
    go: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = as_parquet(tmp_path / "a.parquet", id=list(range(50)), text=TEXTS)
    go(path, target=tmp_path / "whole")
    encode, calls = Worker._encode, []

    def die_at(call: int) -> Callable[..., Any]:
        def encoding(self: Worker, texts: list[str], labels: list[str]) -> Any:
            calls.append(labels)
            if len(calls) == call:
                raise Killed
            return encode(self, texts, labels)

        return encoding

    with monkeypatch.context() as patch:
        patch.setattr(Worker, "_encode", die_at(4))
        with pytest.raises(Killed):
            go(path)
    with pytest.raises(EmbeddingsError, match="has not come to its end"):
        Embeddings(tmp_path / "out")
    calls.clear()
    monkeypatch.setattr(Worker, "_encode", die_at(-1))
    go(path)
    assert [labels[0] for labels in calls] == ["24", "32", "40", "48"]  # three parts were there
    assert files_of(tmp_path / "whole") == files_of(tmp_path / "out")
    calls.clear()
    go(path)
    assert calls == []  # a finished one returns at once
    part_of(tmp_path / "out", 2).unlink()
    go(path).verify()
    assert [labels[0] for labels in calls] == ["16"]  # what went away is embedded again
    assert files_of(tmp_path / "whole") == files_of(tmp_path / "out")


@pytest.mark.parametrize("kind", ["text", "jsonl", "csv", "parquet", "hub"])
def test_whatever_parts_are_missing_are_embedded_again(
    kind: str, go: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiered_st.scale.units.LANE_BYTES", 600)
    source: Any = tmp_path / f"in.{kind}"
    if kind == "hub":
        pytest.importorskip("datasets", reason="it streams the hub's: pip install datasets")
        source.mkdir()
        as_parquet(source / "train.parquet", text=TEXTS)
        source = f"hub:{source}"
    elif kind == "parquet":
        as_parquet(source, row_group_size=7, text=TEXTS)
    elif kind == "jsonl":
        as_jsonl(source, [{"text": text} for text in TEXTS])
    else:
        as_lines(source, TEXTS if kind == "text" else ["text", *TEXTS])
    go(source)
    whole = files_of(tmp_path / "out")
    for missing in ([0], [0, 1, 4], [1, 2], [6], range(6)):
        for block in missing:
            part_of(tmp_path / "out", block).unlink()
        go(source)
        assert files_of(tmp_path / "out") == whole


def test_what_killed_writers_left_is_removed(go: Any, tmp_path: Path) -> None:
    path = as_lines(tmp_path / "a.txt")
    (tmp_path / "out" / "parts").mkdir(parents=True)
    (tmp_path / "out" / "parts" / ".part-000000-00000001.parquet.partial-0123456789ab").write_bytes(b"half")
    (tmp_path / "out" / ".manifest.json.lock").write_bytes(b"")
    with pytest.raises(EmbeddingsError, match="holds 'parts' and is no folder of embeddings"):
        go(path)
    go(path, target=tmp_path / "two")
    stray = tmp_path / "two" / "parts" / ".part-000000-00000001.parquet.partial-0123456789ab"
    stray.write_bytes(b"half")
    go(path, target=tmp_path / "two")
    assert not stray.exists()
    run = part_of(tmp_path / "two", 0).stem[-8:]
    for name in ("notes.txt", f"part-000007-00000000-{run}.parquet"):
        foreign, last = tmp_path / "two" / "parts" / name, part_of(tmp_path / "two", 6)
        foreign.write_bytes(b"")
        last.unlink()
        with pytest.raises(EmbeddingsError, match=f"{name} is no part of this run"):
            go(path, target=tmp_path / "two")
        foreign.unlink()
        assert go(path, target=tmp_path / "two").count == 50


def test_other_sources_another_model_and_other_settings_are_refused_by_name(go: Any, tmp_path: Path) -> None:
    first, second = as_lines(tmp_path / "a.txt"), as_lines(tmp_path / "b.txt", TEXTS[:3])
    go([first, second])
    whole = files_of(tmp_path / "out")
    make_model(seed=1).save(str(tmp_path / "other"), create_model_card=False)
    for options, message in [
        ({"source": first}, r"b\.txt is missing"),
        ({"source": [second, first]}, "in another order"),
        ({"model": tmp_path / "other"}, "begun with 'toy' .*not this model"),
        ({"dtype": "int8"}, "begun with dtype='float32', not 'int8'"),
        ({"columns": ()}, r"begun with columns=\['text'\], not \[\]"),
        ({"backend": "torch", "device": "cpu"}, "begun with backend='onnx'"),
        ({"id": None}, "begun with id='id\\?', not None"),
        ({"part_rows": 9}, "begun with part_rows=8"),
        ({"encoding": "utf-8"}, "begun with encoding=None"),
    ]:
        with pytest.raises(EmbeddingsError, match=message):
            go(**{"source": [first, second]} | options)
    as_lines(second, TEXTS[:4])
    with pytest.raises(EmbeddingsError, match=r"b\.txt has changed\. Give the same, or start anew with restart=True"):
        go([first, second])
    assert files_of(tmp_path / "out") == whole
    assert go([first, second], restart=True, dtype="float16").count == 54


def test_a_restart_that_was_killed_is_no_whole_run(go: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = as_lines(tmp_path / "a.txt")
    go(path)

    def die(*args: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("tiered_st.scale.place.Place.remove", die)
        go(path, restart=True)
    with pytest.raises(EmbeddingsError, match="restart"):
        go(path)
    assert go(path, restart=True).count == 50


def test_a_worker_that_outlives_its_run_writes_nothing_into_the_next(go: Any, tmp_path: Path) -> None:
    path = as_lines(tmp_path / "a.txt")
    go(path)
    late = {part: part.read_bytes() for part in (tmp_path / "out" / "parts").iterdir()}
    found = go(path, restart=True, dtype="int8")
    for part, data in late.items():
        part.write_bytes(data)
    Path(found.parts[3]).unlink()
    again = go(path, dtype="int8")
    assert again.parts == found.parts and len(list((tmp_path / "out" / "parts").iterdir())) == 7
    again.verify(ids=True)


def test_sources_that_change_meanwhile_are_noticed(go: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = as_lines(tmp_path / "a.txt")
    run = Worker.run

    def meddle(self: Worker, *args: Any) -> Any:
        as_lines(path, TEXTS[:3])
        return run(self, *args)

    monkeypatch.setattr(Worker, "run", meddle)
    with pytest.raises(InputError, match="changed while they were read"):
        go(path)
    with pytest.raises(EmbeddingsError, match="has not come to its end"):
        Embeddings(tmp_path / "out")


def test_a_target_with_something_else_in_it_is_left_alone(go: Any, tmp_path: Path) -> None:
    path = as_lines(tmp_path / "a.txt")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_text("years of work")
    for restart in (False, True):
        with pytest.raises(EmbeddingsError, match=r"holds 'thesis\.doc' and is no folder of embeddings"):
            go(path, restart=restart)
    assert files_of(tmp_path / "out") == {"thesis.doc": b"years of work"}
    with pytest.raises(EmbeddingsError, match="is a file"):
        go(path, target=path)


def test_two_at_once_on_one_target(go: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = as_lines(tmp_path / "a.txt")
    inside, leave, run = threading.Event(), threading.Event(), Worker.run

    def waiting(self: Worker, *args: Any) -> Any:
        inside.set()
        leave.wait(60)
        return run(self, *args)

    monkeypatch.setattr(Worker, "run", waiting)
    first = threading.Thread(target=go, args=(path,))
    first.start()
    assert inside.wait(60)
    try:
        with pytest.raises(EmbeddingsError, match="another process is at work on it"):
            go(path)
    finally:
        leave.set()
        first.join()
    assert go(path).count == 50


# What is refused before anything is done


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "int4"}, "dtype='int4' is not one of float32"),
        ({"backend": "tpu"}, "backend='tpu'"),
        ({"on_error": "pass"}, "on_error='pass'"),
        ({"format": "xml"}, "format='xml'"),
        ({"workers": 0}, "workers=0"),
        ({"workers": (2, 1)}, r"workers=\(2, 1\)"),
        ({"workers": 2, "ray": False}, "leave out ray=False"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"part_rows": 0}, "part_rows=0"),
        ({"columns": "text"}, "is one string"),
        ({"columns": ["vector"]}, "'vector' is a column that every part has"),
        ({"columns": ["a", "a"]}, "'a' comes twice"),
        ({"device": "cuda"}, "device='cuda' is of backend='torch'"),
        ({"encoding": "klingon"}, "encoding='klingon'"),
        ({"model": "no-such-model"}, "no-such-model"),
        ({"revision": "main"}, "only a model on the hub takes this"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(options: Any, message: str, go: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        go(as_lines(tmp_path / "a.txt"), **options)
    assert not (tmp_path / "out").exists()


def test_a_model_is_named_and_not_given(go: Any, toy: str, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="model is a RuntimeEncoder: give its name"):
        go(as_lines(tmp_path / "a.txt"), model=runtime.load(toy, threads=1))


def test_fields_that_are_not_there_are_refused(go: Any, tmp_path: Path) -> None:
    lines, table = as_lines(tmp_path / "a.txt"), as_parquet(tmp_path / "a.parquet", body=TEXTS)
    for options in ({"text": "body"}, {"id": "key"}, {"columns": ["price"]}):
        with pytest.raises(InputError, match="lines of text have no fields"):
            go(lines, **options)
    with pytest.raises(InputError, match="column 'text' is missing; there are: body"):
        go([lines, table])
    assert not list((tmp_path / "out").rglob("*"))
    with pytest.raises(InputError, match="encoding='cp1252' is of files of text"):
        go(table, text="body", encoding="cp1252")
    with pytest.raises(InputError, match="column 'key' is missing"):
        go(table, text="body", id="key", target=tmp_path / "two")
    with pytest.raises(InputError, match="column 'price' is missing"):
        go(table, text="body", columns=["price"], target=tmp_path / "three")
    other = as_parquet(tmp_path / "b.parquet", body=TEXTS, price=list(range(50)))
    third = as_parquet(tmp_path / "c.parquet", body=TEXTS, price=[1.5] * 50)
    with pytest.raises(InputError, match=r"column 'price' is int64 in .*b\.parquet and double in .*c\.parquet"):
        go([other, third], text="body", columns=["price"], target=tmp_path / "four")


def test_another_model_at_a_worker_is_refused(go: Any, toy: str, tmp_path: Path, monkeypatch: Any) -> None:
    make_model(seed=1).save(str(tmp_path / "other"), create_model_card=False)
    other = runtime.load(tmp_path / "other", threads=1)
    monkeypatch.setattr("tiered_st.scale.worker._load", lambda job: other)
    with pytest.raises(EmbeddingsError, match="this worker has another model"):
        go(as_lines(tmp_path / "a.txt"))
