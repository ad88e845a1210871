"""An index on disk finds what exact search finds, keeps what it is told, and refuses by name."""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("faiss")
pytest.importorskip("pyarrow", reason="folders of embeddings are parquet: pip install pyarrow")
from disk_tools import ToyModel, clustered, unit, write_folder, write_texts

from tiered_st.indexes import DiskIndex, FaissIndex, Hit, IndexConfig, IndexFileError, ModelMismatchError
from tiered_st.indexes.disk.row_vectors import RowVectors
from tiered_st.scale import EmbeddingsError

FRUIT = {"a": "green apple", "b": "yellow banana", "c": "red cherry", "d": "ripe banana bread"}
ODD = {"empty": "", "emoji": "👩‍👩‍👧 🍌", "lone": "a\ud83db", "split": "\ud83d\ude00", "joined": "😀", "ключ": "тест"}
ODD |= {"": "empty id", "line\u2028\n\r": "a\u2028b\nc\rd", "\udcff": "surrogate id", "nul\0": "a\0b"}
KINDS = ["flat", "hnsw", "ivf", "ivf_pq"]
ROWS = 1200


@pytest.fixture
def model() -> ToyModel:
    return ToyModel()


@pytest.fixture
def fruit(model, tmp_path) -> DiskIndex:
    return DiskIndex.build(tmp_path / "i", write_texts(tmp_path / "e", model, FRUIT), model)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return clustered(ROWS)


@pytest.fixture(scope="module")
def folders(vectors, tmp_path_factory) -> dict[str, Path]:
    ids = [f"id {row}" for row in range(ROWS)]
    where = tmp_path_factory.mktemp("embeddings")
    return {
        dtype: write_folder(where / dtype, vectors, ids, [f"text {row}" for row in range(ROWS)], dtype=dtype)
        for dtype in ("float32", "float16", "int8")
    }


def exact(vectors: np.ndarray, query: np.ndarray, k: int) -> list[str]:
    return [f"id {row}" for row in np.argsort(-(vectors @ query), kind="stable")[:k]]


class TestBuild:
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_kind_finds_what_exact_search_finds(self, kind, vectors, folders, tmp_path) -> None:
        index = DiskIndex.build(tmp_path / "i", folders["float32"], config=IndexConfig(kind))
        queries = unit(vectors[::50] + 0.1 * np.random.default_rng(1).standard_normal(vectors[::50].shape))
        found = index.search_vectors(queries, 10)
        right = [
            len({hit.id for hit in hits} & set(exact(vectors, q, 10))) for hits, q in zip(found, queries, strict=True)
        ]
        assert np.mean(right) >= (9.9 if kind == "flat" else 9)  # rounded to float16
        for hits, query in zip(found, queries, strict=True):
            rows = [int(hit.id.split()[1]) for hit in hits]
            assert [hit.text for hit in hits] == [f"text {row}" for row in rows]
            assert [hit.score for hit in hits] == pytest.approx((vectors[rows] @ query).tolist(), abs=2e-4)
        recall = index.info()["recall"]
        assert recall["queries"] == 200 and (1 if kind == "flat" else 0.9) <= recall["recall@10"] <= 1
        assert json.loads((tmp_path / "i" / "meta.json").read_text())["recall"] == recall
        assert list(index.ids) == [f"id {row}" for row in range(ROWS)]
        index.verify()

    @pytest.mark.parametrize(("dtype", "off"), [("float32", 1e-6), ("float16", 1e-6), ("int8", 1e-4)])
    def test_a_vector_is_nearest_to_itself_whatever_it_is_stored_as(
        self, dtype, off, vectors, folders, tmp_path
    ) -> None:
        index = DiskIndex.build(tmp_path / "i", folders[dtype], config=IndexConfig("ivf_pq", code_bytes=8))
        assert index.info()["dtype"] == ("int8" if dtype == "int8" else "float16")
        for row, hits in zip(range(0, ROWS, 100), index.search_vectors(vectors[::100], 1), strict=True):
            assert hits[0].id == f"id {row}" and hits[0].score == pytest.approx(1, abs=off)

    def test_every_half_is_read_as_numpy_reads_it(self, tmp_path) -> None:
        (tmp_path / "rows").touch()
        rows = RowVectors(tmp_path / "rows", 384, "float16")
        vectors = np.random.default_rng(0).standard_normal((3000, 384))
        vectors[0, :4] = (3e-6, -3e-7, 0, -0.0)  # below the normal halves
        vectors[1], vectors[1, 5] = 0, -1
        rows.append(0, unit(vectors))
        halves = unit(vectors).astype(np.float16).astype(np.float32)
        scales = (1 / np.linalg.norm(halves, axis=1, keepdims=True)).astype(np.float32)
        assert np.array_equal(rows.rows(np.arange(3000)), halves * scales)
        assert [(first, len(block)) for first, block in rows.blocks(5, 3000)] == [(5, 2048), (2053, 947)]
        assert np.array_equal(np.concatenate([block for _, block in rows.blocks(5, 3000)]), (halves * scales)[5:])
        rows.append(7, unit(vectors[:2]))  # what a killed writer left behind goes
        assert rows.size() == 9
        with pytest.raises(EOFError, match="rows: ends before byte"):
            rows.rows(np.array([9]))

    def test_lists_of_many_shards_are_those_of_one(self, vectors, folders, tmp_path, monkeypatch) -> None:
        one = DiskIndex.build(tmp_path / "one", folders["float32"], config=IndexConfig("ivf_pq"))
        monkeypatch.setattr("tiered_st.indexes.disk.lists_filler.SHARD_BYTES", 3000)
        monkeypatch.setattr("tiered_st.indexes.disk.build.BLOCK", 100)
        many = DiskIndex.build(tmp_path / "many", folders["float32"], config=IndexConfig("ivf_pq"))
        assert many.search_vectors(vectors[:40], 5) == one.search_vectors(vectors[:40], 5)
        assert sorted(os.listdir(tmp_path / "many")) == sorted(os.listdir(tmp_path / "one"))
        assert {**many.info(), "bytes_on_disk": 0} == {**one.info(), "bytes_on_disk": 0}

    def test_texts_are_found_despite_a_typo_and_typed(self, fruit) -> None:
        hits = fruit.search("gren aple", k=2)
        assert len(hits) == 2 and hits[0].id == "a" and hits[0].text == "green apple" and hits[0].score > hits[1].score
        assert [[hit.id for hit in hits] for hits in fruit.search(("red cherry", "ripe banana bread"), k=1)] == [
            ["c"],
            ["d"],
        ]
        assert (len(fruit), "a" in fruit, "x" in fruit, 3 in fruit, fruit.text("d")) == (
            4,
            True,
            False,
            False,
            FRUIT["d"],
        )
        with pytest.raises(KeyError, match="unknown id: 'x'"):
            fruit.text("x")

    def test_the_same_answers_as_the_index_in_memory(self, model, fruit) -> None:
        other = FaissIndex.build(model, FRUIT)
        for query in ("banana", "cherry pie"):
            for ours, theirs in zip(fruit.search(query), other.search(query), strict=True):
                assert ours == Hit(theirs.id, pytest.approx(theirs.score, abs=1e-4), theirs.text)

    def test_ties_are_in_insertion_order_also_at_the_cut_off(self, tmp_path) -> None:
        vectors = np.tile(unit(np.array([[3.0, 4.0]])), (9000, 1))
        vectors[5000] = (1, 0)
        folder = write_folder(tmp_path / "e", vectors, [str(row) for row in range(9000)], None)
        index = DiskIndex.build(tmp_path / "i", folder, config=IndexConfig("flat"))
        for hits in index.search_vectors(np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (30, 1)), 4):
            assert [hit.id for hit in hits] == ["5000", "0", "1", "2"]
        with pytest.raises(ValueError, match="was built of embeddings without texts, so '3' has none"):
            index.text("3")
        assert index.search_vectors(vectors[:1], 1)[0][0].text == ""

    @pytest.mark.parametrize("kind", KINDS)
    def test_duplicates_and_k_beyond_the_size(self, kind, tmp_path) -> None:
        vectors = clustered(300)
        vectors[100:] = vectors[100]
        folder = write_folder(tmp_path / "e", vectors, [f"id {row}" for row in range(300)], None)
        index = DiskIndex.build(tmp_path / "i", folder, config=IndexConfig(kind))
        everything = index.search_vectors(vectors[:2], 1000)
        assert [{hit.id for hit in hits} for hits in everything] == [set(index.ids)] * 2
        assert all(hit.score > 1 - 1e-6 for hit in index.search_vectors(vectors[150:151], 9)[0])
        assert index.info()["recall"]["recall@10"] > 0.9  # any members of a tie are right

    def test_an_empty_folder(self, model, tmp_path) -> None:
        index = DiskIndex.build(tmp_path / "i", write_texts(tmp_path / "e", model, {}), model)
        assert (len(index), list(index.ids), index.search("x"), index.search(["x", "y"])) == (0, [], [], [[], []])
        index.add(["first"])
        assert index.search("first", k=3)[0].id == "0"
        index.compact()
        assert index.search("first")[0].text == "first" and index.info()["recall"] == {}
        with pytest.raises(ValueError, match="lists=1 are more than the 0 vectors"):
            DiskIndex.build(tmp_path / "j", tmp_path / "e", config=IndexConfig("ivf"))

    def test_what_cannot_be_indexed_is_named_and_the_old_index_stays(self, model, fruit, tmp_path) -> None:
        vectors = clustered(3)
        twice = write_folder(tmp_path / "twice", vectors, ["x", "y", "x"], None)
        with pytest.raises(ValueError, match="the id 'x' comes twice"):
            DiskIndex.build(tmp_path / "i", twice)
        vectors[1] = 0
        with pytest.raises(ValueError, match="that of 'y', is zero or not finite"):
            DiskIndex.build(tmp_path / "i", write_folder(tmp_path / "zero", vectors, ["x", "y", "z"], None))
        with pytest.raises(EmbeddingsError, match="not come to its end"):
            DiskIndex.build(
                tmp_path / "i", write_folder(tmp_path / "half", vectors, ["x", "y", "z"], None, complete=False)
            )
        part = next((tmp_path / "e" / "parts").iterdir())
        part.write_bytes(part.read_bytes()[:-1] + b"?")
        with pytest.raises(EmbeddingsError, match=part.name):
            DiskIndex.build(tmp_path / "i", tmp_path / "e")
        assert fruit.search("red cherry", k=1)[0].id == "c" and len(DiskIndex.load(tmp_path / "i")) == 4
        assert [name for name in os.listdir(tmp_path) if "saving" in name] == []

    def test_another_model_is_refused(self, model, fruit, tmp_path) -> None:
        other = ToyModel(salt="x")
        with pytest.raises(ModelMismatchError, match="i: built by 'toy'"):
            DiskIndex.load(tmp_path / "i", other)
        with pytest.raises(ModelMismatchError, match="e: built by 'toy'"):
            DiskIndex.build(tmp_path / "j", tmp_path / "e", other)
        assert not (tmp_path / "j").exists()
        assert len(DiskIndex.load(tmp_path / "i", other, check_model=False).search("x")) == 4
        with pytest.raises(ValueError, match="opened without a model"):
            DiskIndex.load(tmp_path / "i").search("x")

    def test_prompts_are_those_of_the_embeddings(self, model, tmp_path) -> None:
        folder = write_texts(tmp_path / "e", model, FRUIT, prompts={"document": "d: ", "query": "q: "})
        with pytest.raises(ModelMismatchError, match=r"with the prompts .*'q: '.*this model has none"):
            DiskIndex.build(tmp_path / "i", folder, model)
        DiskIndex.build(tmp_path / "i", folder)
        with pytest.raises(ModelMismatchError, match="with the prompts"):
            DiskIndex.load(tmp_path / "i", model)
        asked = []
        model.prompts = {"document": "d: ", "query": "q: "}
        model.encode_query = lambda texts, **options: asked.extend(texts) or model.encode(texts)
        model.encode_document = model.encode
        assert DiskIndex.load(tmp_path / "i", model, check_model=False).search("red cherry", k=1)[0].id == "c"
        assert asked == ["red cherry"]

    @pytest.mark.parametrize("k", [0, -1])
    def test_arguments_are_checked(self, fruit, k) -> None:
        for queries in ("x", ["x"], []):
            with pytest.raises(ValueError, match="k must be at least 1"):
                fruit.search(queries, k=k)
        with pytest.raises(ValueError, match=r"shape \(1, 3\), expected \(queries, 32\)"):
            fruit.search_vectors(np.ones((1, 3)))
        with pytest.raises(ValueError, match="'zero' is zero or not finite"):
            fruit.search(["fine", "zero"])


class TestChanges:
    @pytest.mark.parametrize("kind", KINDS)
    def test_added_and_removed_until_compacted_and_after(self, kind, vectors, folders, tmp_path) -> None:
        model = ToyModel()
        index = DiskIndex.build(tmp_path / "i", folders["float32"], model, config=IndexConfig(kind), check_model=False)
        near = [hit.id for hit in index.search_vectors(vectors[:1], 3)[0]]
        assert near[0] == "id 0" and index.remove(near[:2]) == 2
        assert index.add({f"new {n}": f"banana {n}" for n in range(30)}, chunk_size=7) == 30
        index.remove("new 3")
        expected = [id for id in [f"id {row}" for row in range(ROWS)] if id not in near[:2]]
        expected += [f"new {n}" for n in range(30) if n != 3]
        facts = index.info()
        assert (facts["count"], facts["added"], facts["removed"]) == (len(expected), 30, 3)
        for turn in range(2):
            for one in (
                index,
                DiskIndex.load(tmp_path / "i", model, check_model=False),
                pickle.loads(pickle.dumps(index)),
            ):
                assert list(one.ids) == expected and len(one) == len(expected)
                assert one.search_vectors(vectors[:1], 1)[0][0].id == near[2]
                assert one.search("banana 5", k=1)[0] == Hit("new 5", pytest.approx(1), "banana 5")
                assert "new 3" not in one and near[0] not in one and one.text("id 700") == "text 700"
            if not turn:
                index.compact()
        facts = index.info()
        assert (facts["count"], facts["added"], facts["removed"]) == (len(expected), 0, 0)
        assert facts["config"]["kind"] == kind
        index.verify()

    def test_everything_removed(self, fruit) -> None:
        fruit.remove(FRUIT)
        assert (len(fruit), fruit.search("x"), list(fruit.ids)) == (0, [], [])
        fruit.compact()
        assert (len(fruit), fruit.search("x")) == (0, [])
        fruit.add(["w"])
        assert list(fruit.ids) == ["4"]  # numbers are not used again

    def test_numbers_of_texts_without_an_id_are_those_of_the_index_in_memory(self, model, tmp_path) -> None:
        folder = write_texts(tmp_path / "e", model, {"0": "x", "5": "y"})
        index = DiskIndex.build(tmp_path / "i", folder, model)
        index.add(["a", ("7", "mine"), "b", "c", "d"], chunk_size=3)
        assert list(index.ids) == ["0", "5", "2", "7", "4", "6", "8"]
        with pytest.raises(ValueError, match="record 1: duplicate id '7'"):
            index.add([("new", "x"), ("7", "c")])
        index.remove("8")
        index.add(["e"])
        assert list(index.ids)[-1] == "9"

    def test_unknown_ids_are_named_and_nothing_is_removed(self, fruit) -> None:
        with pytest.raises(KeyError, match=r"unknown ids: 'x', 'y' \(2 in all\)"):
            fruit.remove(["a", "x", "y"])
        fruit.verify()  # what was undone has left no trace
        assert len(fruit) == 4 and fruit.remove([]) == 0 and fruit.remove(["a", "a"]) == 1
        fruit.verify()

    def test_a_bad_chunk_is_left_out_whole(self, fruit) -> None:
        for records, message in (
            ([("e", "x"), ("a", "y")], "duplicate id 'a'"), ([("e", "x"), ("f", "zero")], "vector of 'f' is zero"),
            (["x", 3], "record 1: expected a text"),
        ):  # fmt: skip
            with pytest.raises(ValueError, match=message):
                fruit.add(records)
        assert list(fruit.ids) == list(FRUIT)
        with pytest.raises(TypeError, match="one string"):
            fruit.add("text")

    def test_every_string_survives(self, model, fruit, tmp_path) -> None:
        fruit.add(ODD)
        fruit.compact()
        again = DiskIndex.load(tmp_path / "i", model)
        assert {id: again.text(id) for id in again.ids} == FRUIT | ODD
        assert list(again.sorted_ids()) == sorted(FRUIT | ODD)
        for id, text in ODD.items():
            assert text in {hit.text for hit in again.search(text, k=2)} and id in again

    def test_another_index_in_the_place_is_taken_up(self, model, fruit, tmp_path) -> None:
        other = DiskIndex.load(tmp_path / "i", model)
        assert other.search("red cherry", k=1)[0].id == "c"
        DiskIndex.build(tmp_path / "i", write_texts(tmp_path / "e2", model, {"z": "red cherry"}), model)
        for one in (fruit, other):
            assert [hit.id for hit in one.search("red cherry")] == ["z"]
        other.add([("y", "plum")])
        assert list(fruit.ids) == ["z", "y"]
        fruit.compact()
        assert [hit.id for hit in other.search("plum", k=1)] == ["y"] and other.info()["added"] == 0

    def test_an_index_of_another_model_in_the_place_is_refused(self, model, fruit, tmp_path) -> None:
        salted = ToyModel(salt="x")
        there = DiskIndex.build(tmp_path / "i", write_texts(tmp_path / "e2", salted, FRUIT), salted)
        for change in (lambda: fruit.search("x"), lambda: fruit.add(["x"]), lambda: fruit.remove("a"), fruit.compact):
            with pytest.raises(ModelMismatchError, match="was replaced by an index of 'toy', which is another model"):
                change()
        assert len(there) == 4 and there.search("red cherry", k=1)[0].id == "c"


class TestThreads:
    def test_searches_beside_adding_removing_and_compacting_are_right(self, model, tmp_path) -> None:
        stay = {f"stay {n}": f"staying text {n}" for n in range(300)}
        folder = write_texts(tmp_path / "e", model, stay)
        index = DiskIndex.build(tmp_path / "i", folder, model, config=IndexConfig("ivf_pq", lists=2, code_bytes=8))
        stop = threading.Event()

        def search(number: int) -> int:
            found = 0
            while not stop.is_set() or not found:
                for query in list(stay.values())[number::97]:
                    hits = index.search(query, k=5)
                    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
                    assert len({hit.id for hit in hits}) == 5 and hits[0].score == pytest.approx(1, abs=1e-6)
                    assert stay.get(hits[0].id, query) == query
                    found += 1
            return found

        def change(number: int) -> None:
            for turn in range(3):
                ids = [f"{number} {turn} {place}" for place in range(5)]
                index.add([(id, f"other words {id}") for id in ids], chunk_size=2)
                index.remove(ids[:4])
                if number == turn == 1:
                    index.compact()

        with ThreadPoolExecutor(10) as pool:
            searching = [pool.submit(search, number) for number in range(8)]
            try:
                for done in [pool.submit(change, number) for number in range(2)]:
                    done.result()
            finally:
                stop.set()
            assert all(done.result() for done in searching)
        assert sorted(index.ids) == sorted([*stay, *(f"{n} {turn} 4" for n in range(2) for turn in range(3))])
        index.verify()


class TestFiles:
    @pytest.fixture
    def lists(self, folders, tmp_path) -> Path:
        DiskIndex.build(tmp_path / "i", folders["float32"], config=IndexConfig("ivf", lists=4))
        return tmp_path / "i"

    def test_what_is_in_the_folder(self, lists) -> None:
        names = ["index.faiss", "lists.ivfdata", "meta.json", "records.sqlite", "vectors.bin"]
        assert sorted(os.listdir(lists)) == names
        meta = json.loads((lists / "meta.json").read_text())
        assert (meta["format"], meta["format_version"]) == ("tiered_st.disk_index", 1)
        assert sorted(meta["files"]) == [name for name in names if name != "meta.json"]
        with pytest.raises(IndexFileError, match=r"not written by FaissIndex\.save"):
            FaissIndex.load(lists, ToyModel())

    @pytest.mark.parametrize("name", ["index.faiss", "lists.ivfdata", "meta.json", "records.sqlite", "vectors.bin"])
    @pytest.mark.parametrize("how", ["missing", "short", "empty"])
    def test_a_damaged_file_is_named_when_it_is_opened(self, lists, name, how) -> None:
        data = (lists / name).read_bytes()
        (lists / name).unlink()
        if how != "missing":
            (lists / name).write_bytes(data[: len(data) // 2 if how == "short" else 0])
        with pytest.raises(IndexFileError, match=name):
            DiskIndex.load(lists).verify()

    @pytest.mark.parametrize("name", ["index.faiss", "lists.ivfdata", "vectors.bin", "records.sqlite"])
    def test_a_changed_byte_is_found_by_verify(self, lists, name) -> None:
        data = bytearray((lists / name).read_bytes())
        data[len(data) // 3] ^= 0xFF
        (lists / name).unlink()  # a file that is mapped must not be cut off under whoever reads it
        (lists / name).write_bytes(data)
        with pytest.raises(IndexFileError, match=name):
            DiskIndex.load(lists).verify()

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"format": "other"}, "not written by DiskIndex.build"),
            ({"format_version": 2}, "format version 2, this version reads 1"),
            ({"count": "3"}, "'count' is '3', expected int"),
            ({"config": {"kind": "lsh"}}, "'config' is no config"),
            ({"count": ROWS + 1}, "index.faiss: holds 1200 vectors"),
        ],
    )
    def test_meta_that_says_something_else_is_refused(self, lists, changes, message) -> None:
        meta = json.loads((lists / "meta.json").read_text())
        (lists / "meta.json").write_text(json.dumps(meta | changes))
        with pytest.raises(IndexFileError, match=message):
            DiskIndex.load(lists)

    def test_records_of_another_index_are_refused(self, lists) -> None:
        with sqlite3.connect(lists / "records.sqlite") as connection:
            connection.execute("UPDATE state SET next_row = 7")
        with pytest.raises(IndexFileError, match=r"records\.sqlite: counts 7 rows, vectors\.bin has 1,200"):
            DiskIndex.load(lists)

    def test_no_index_and_foreign_folders_are_refused(self, model, fruit, tmp_path) -> None:
        with pytest.raises(IndexFileError, match="no index directory"):
            DiskIndex.load(tmp_path / "nothing")
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "letter.txt").write_text("dear")
        with pytest.raises(IndexFileError, match=r"holds 'letter\.txt', which is no part of an index"):
            DiskIndex.build(tmp_path / "mine", tmp_path / "e")
        (tmp_path / "i" / "notes.txt").write_text("mine")
        for change in (lambda: DiskIndex.build(tmp_path / "i", tmp_path / "e"), fruit.compact):
            with pytest.raises(IndexFileError, match=r"holds 'notes\.txt'.*Refusing to overwrite"):
                change()
        FaissIndex.build(model, FRUIT).save(tmp_path / "ram")
        assert len(DiskIndex.build(tmp_path / "ram", tmp_path / "e")) == 4  # an index is replaced
        with pytest.raises(IndexFileError, match="Refusing to overwrite"):
            FaissIndex.build(model, FRUIT).save(tmp_path / "ram")

    def test_it_is_searched_where_nothing_may_be_written_and_elsewhere(self, lists, vectors, tmp_path) -> None:
        before = DiskIndex.load(lists).search_vectors(vectors[:2], 2)
        os.rename(lists, tmp_path / "moved ü %20?")
        for path in [*(tmp_path / "moved ü %20?").iterdir(), tmp_path / "moved ü %20?"]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        assert DiskIndex.load(tmp_path / "moved ü %20?").search_vectors(vectors[:2], 2) == before
        (tmp_path / "moved ü %20?").chmod(0o755)
