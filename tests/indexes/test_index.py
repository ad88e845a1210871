import copy
import hashlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tiered_st.fingerprint import model_fingerprint
from tiered_st.indexes import FaissIndex, Hit, IndexFileError, ModelMismatchError, index_files

faiss = pytest.importorskip("faiss")

FRUIT = [("a", "green apple"), ("b", "yellow banana"), ("c", "red cherry"), ("d", "ripe banana bread")]
ODD_TEXTS = {
    "empty": "",
    "emoji": "👩‍👩‍👧 🍌",
    "lone": "a\ud83db",
    "split pair": "\ud83d\ude00",
    "joined": "😀",
}
ODD_TEXTS |= {"ключ": "тест", "": "empty id", "line\u2028\n\r": "a\u2028b\nc\rd", "\udcff": "surrogate id"}


class ToyModel:
    """Hashed character trigrams, 32-d; 'zero' and 'nan' give vectors that no cosine is defined for."""

    def __init__(self, salt: str = ""):
        self.salt, self.calls = salt, []

    def get_embedding_dimension(self) -> int:
        return 32

    def encode(self, texts, **kwargs):
        self.calls.append(list(texts))
        vectors = np.zeros((len(texts), 32), dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            if text in ("zero", "nan"):
                vector[:] = 0 if text == "zero" else np.nan
                continue
            padded = f"{self.salt}^{text}$"
            for start in range(max(1, len(padded) - 2)):
                gram = padded[start : start + 3].encode("utf-8", "surrogatepass")
                vector[zlib.crc32(gram) % 32] += 1
        return vectors


class TableModel:
    """Returns the vector written in the text, '3 4' → [3, 4], and [1, 1] for words."""

    def get_sentence_embedding_dimension(self) -> int:
        return 2

    def encode(self, texts, **kwargs):
        rows = [text.split() if len(text.split()) == 2 else (1, 1) for text in texts]
        return np.array(rows, dtype=np.float32)


@pytest.fixture
def model():
    return ToyModel()


@pytest.fixture
def fruit(model):
    return FaissIndex.build(model, FRUIT)


@pytest.fixture
def saved(fruit, tmp_path):
    fruit.save(tmp_path / "index")
    return tmp_path / "index"


def rewrite(folder: Path, name: str, data: bytes) -> None:
    """Replace a file and make meta.json agree, so that the checks behind the sha256 are reached."""
    (folder / name).write_bytes(data)
    meta = json.loads((folder / "meta.json").read_text())
    meta["sha256"][name] = hashlib.sha256(data).hexdigest()
    (folder / "meta.json").write_text(json.dumps(meta))


def edit_meta(folder: Path, **changes) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, **changes}))


class TestSearch:
    def test_finds_the_right_text_despite_a_typo(self, fruit):
        hits = fruit.search("gren aple", k=2)
        assert len(hits) == 2
        assert (hits[0].id, hits[0].text) == ("a", "green apple")
        assert hits[0].score > hits[1].score

    def test_scores_are_cosines_of_vectors_of_any_length(self):
        index = FaissIndex.build(TableModel(), ["3 4", "0 0.001", "-1e30 0", "5 0"])
        hits = index.search("200 0", k=4)
        assert [hit.id for hit in hits] == ["3", "0", "1", "2"]
        assert [hit.score for hit in hits] == pytest.approx([1, 0.6, 0, -1], abs=1e-7)
        assert all(type(hit.score) is float and -1 <= hit.score <= 1 for hit in hits)

    def test_one_text_gives_hits_and_several_give_lists(self, fruit):
        one, several = fruit.search("red cherry", k=1), fruit.search(("red cherry", "ripe banana bread"), k=1)
        assert one == [Hit("c", pytest.approx(1), "red cherry")]
        assert [[hit.id for hit in hits] for hits in several] == [["c"], ["d"]]
        assert several[0] == one

    def test_a_query_scores_the_same_alone_and_in_a_large_batch(self, model, monkeypatch):
        # FAISS does not: it calls BLAS from 20 queries on, which rounds differently.
        def gaussian(texts, **kwargs):
            rows = [np.random.default_rng(zlib.crc32(text.encode())).normal(size=384) for text in texts]
            return np.array(rows, dtype=np.float32)

        monkeypatch.setattr(model, "encode", gaussian)
        monkeypatch.setattr(model, "get_embedding_dimension", lambda: 384)
        index = FaissIndex.build(model, [f"text {number}" for number in range(100)])
        queries = [f"query {number}" for number in range(1030)]
        assert index.search(queries, k=3) == [index.search(query, k=3) for query in queries]

    def test_k_beyond_the_size_returns_everything(self, fruit):
        assert sorted(hit.id for hit in fruit.search("banana", k=1000)) == ["a", "b", "c", "d"]

    @pytest.mark.parametrize("k", [0, -1])
    def test_k_below_one_is_refused(self, fruit, k):
        with pytest.raises(ValueError, match="k must be at least 1"):
            fruit.search("banana", k=k)

    def test_empty_index_and_no_queries(self, model, fruit):
        empty = FaissIndex.build(model, [])
        assert len(empty) == 0 and empty.ids == []
        assert empty.search("x") == []
        assert empty.search(["x", "y"]) == [[], []]
        assert fruit.search([]) == []

    def test_ties_are_in_insertion_order_also_at_the_cut_off(self):
        # FAISS itself answers 3, 2, 1 here: a better row drops the earliest of the tie.
        index = FaissIndex.build(TableModel(), ["3 4", "3 4", "3 4", "1 0", "3 4", "6 8"])
        assert [hit.id for hit in index.search("1 0", k=3)] == ["3", "0", "1"]
        assert [hit.id for hit in index.search("1 0", k=6)] == ["3", "0", "1", "2", "4", "5"]

    def test_a_tie_much_wider_than_k(self):
        index = FaissIndex.build(TableModel(), ["3 4"] * 3000 + ["1 0"])
        for hits in index.search(["1 0"] * 30, k=4):
            assert [hit.id for hit in hits] == ["3000", "0", "1", "2"]

    def test_a_query_without_direction_is_named(self, fruit):
        with pytest.raises(ValueError, match="'zero' is zero or not finite"):
            fruit.search(["fine", "zero"])


class TestAdd:
    def test_bare_texts_get_row_numbers(self, model):
        index = FaissIndex.build(model, ["x", ("mine", "y"), "z"])
        assert index.ids == ["0", "mine", "2"]
        assert index.add(["w"]) == 1
        assert index.ids[-1] == "3" and index.text("3") == "w"
        assert "mine" in index and "y" not in index and len(index) == 4

    def test_row_numbers_are_not_reused_after_remove(self, model, tmp_path):
        index = FaissIndex.build(model, ["x", "y"])
        index.remove(["1"])
        index.save(tmp_path / "index")
        for again in (index, FaissIndex.load(tmp_path / "index", model)):
            again.add(["z"])
            assert again.ids == ["0", "2"]

    def test_a_generator_is_read_in_slices(self, model):
        read = added = most = 0

        def records():
            nonlocal read, most
            for number in range(1000):
                read += 1
                most = max(most, read - added)
                yield f"text {number}"

        def on_batch(count):
            nonlocal added
            added = count

        index = FaissIndex.build(model, records(), chunk_size=64, on_batch=on_batch)
        assert most == 64 and read == added == len(index) == 1000
        assert max(map(len, model.calls)) == 64
        assert index.search("text 987", k=1)[0].id == "987"

    def test_an_endless_source_can_be_stopped(self, model):
        index = FaissIndex(model)

        def endless():
            while True:
                yield "text"

        def stop(count):
            if count >= 8:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            index.add(endless(), chunk_size=4, on_batch=stop)
        assert index.ids == [str(number) for number in range(8)]

    @pytest.mark.parametrize("second", [[("e", "x"), ("a", "y")], [("e", "x"), ("f", "y"), ("e", "z")]])
    def test_a_duplicate_id_is_named_and_nothing_of_its_chunk_is_added(self, fruit, second):
        calls = len(fruit.model.calls)
        with pytest.raises(ValueError, match=f"duplicate id '{second[-1][0]}'"):
            fruit.add(second)
        assert fruit.ids == ["a", "b", "c", "d"] and len(fruit.search("x", k=9)) == 4
        assert len(fruit.model.calls) == calls + 1  # the search: found out before anything was embedded

    @pytest.mark.parametrize("text", ["zero", "nan"])
    def test_a_vector_without_direction_names_its_record(self, fruit, text):
        with pytest.raises(ValueError, match="vector of 'bad' is zero or not finite"):
            fruit.add([("good", "x"), ("bad", text)])
        assert len(fruit) == 4 and "good" not in fruit
        fruit.add([("good", "x")])
        assert fruit.search("x", k=1)[0].id == "good"

    @pytest.mark.parametrize("record", [3, None, ("a",), ("a", "b", "c"), (1, "text"), ("id", None), b"bytes"])
    def test_other_records_are_refused(self, model, record):
        with pytest.raises(ValueError, match="record 1: expected a text or an"):
            FaissIndex.build(model, ["fine", record])

    def test_arguments_are_checked(self, model):
        with pytest.raises(TypeError, match="one string"):
            FaissIndex.build(model, "text")
        for sizes in ({"batch_size": 0}, {"chunk_size": 0}):
            with pytest.raises(ValueError, match="at least 1"):
                FaissIndex.build(model, ["text"], **sizes)

    def test_an_encode_of_the_wrong_shape_is_refused(self, model):
        model.encode = lambda texts, **kwargs: np.ones((len(texts), 31), dtype=np.float32)
        with pytest.raises(ValueError, match=r"gave shape \(2, 31\), expected \(2, 32\)"):
            FaissIndex.build(model, ["x", "y"])

    def test_progress_goes_to_stderr_only_when_asked(self, model, capsys):
        FaissIndex.build(model, ["x"])
        assert capsys.readouterr() == ("", "")
        FaissIndex.build(model, ["x"], progress=True)
        assert "1/1" in capsys.readouterr().err


class TestInputs:
    def test_a_mapping_is_ids_and_texts(self, model):
        index = FaissIndex.build(model, {"doc-1": "green apple", "doc-2": "red cherry"})
        assert index.ids == ["doc-1", "doc-2"] and index.search("red cherry", k=1)[0].text == "red cherry"

    def test_series_arrays_generators_and_views(self, model):
        pandas = pytest.importorskip("pandas")
        table = pandas.DataFrame({"id": ["x", "y"], "text": ["green apple", "red cherry"]})
        for texts in (table["text"], np.array(["green apple", "red cherry"]), (text for text in table["text"])):
            index = FaissIndex.build(model, texts)
            assert [index.text(id) for id in ("0", "1")] == ["green apple", "red cherry"]
            assert type(index.text("0")) is str
        assert FaissIndex.build(model, zip(table["id"], table["text"], strict=True)).ids == ["x", "y"]
        assert FaissIndex.build(model, table.set_index("id")["text"].items()).ids == ["x", "y"]
        index = FaissIndex.build(model, {"a": "x"}.values())
        assert index.text("0") == "x" and len(index.search(table["text"])) == 2

    def test_tables_and_sets_are_refused_with_the_cure(self, model, fruit):
        pandas = pytest.importorskip("pandas")
        table = pandas.DataFrame({"name": ["x"], "body": ["green apple"]})
        with pytest.raises(TypeError, match=r'a DataFrame: pass zip\(table\["id"\], table\["text"\]\).*name, body'):
            FaissIndex.build(model, table)
        with pytest.raises(TypeError, match=r'a DataFrame: pass list\(table\["text"\]\).*name, body'):
            fruit.search(table)
        for method in (fruit.add, fruit.search):
            with pytest.raises(TypeError, match=r"is a set, which has no order.*sorted"):
                method({"b", "a"})
        with pytest.raises(TypeError, match=r"list\(queries\.values\(\)\)"):
            fruit.search({"a": "x"})
        assert len(fruit) == 4

    @pytest.mark.parametrize(
        ("record", "cure"), [(float("nan"), "leave it out"), (("id", None), "leave it out"), (b"x", "decode it first")]
    )
    def test_the_place_of_a_bad_record_is_true(self, fruit, record, cure):
        records = [f"text {number}" for number in range(200)]
        records[150] = record
        with pytest.raises(ValueError, match=f"record 150: expected a text .*{cure}"):
            fruit.add(records, chunk_size=64)
        if not isinstance(record, tuple):
            with pytest.raises(ValueError, match=f"query 150: expected a text.*{cure}"):
                fruit.search(records)

    def test_automatic_ids_leave_out_those_that_are_taken(self, model, tmp_path):
        index = FaissIndex.build(model, [("1", "mine"), "a", "b", ("4", "mine too"), "c"])
        assert index.ids == ["1", "2", "3", "4", "5"] and index.text("2") == "a"
        index.add([("9", "x")])
        index.add(["d", "e", "f", "g"], chunk_size=2)
        index.save(tmp_path / "index")
        for again in (index, FaissIndex.load(tmp_path / "index", model)):
            assert again.ids == ["1", "2", "3", "4", "5", "9", "7", "8", "10", "11"]
            assert [again.search(again.text(id), k=1)[0].id for id in again.ids] == again.ids

    def test_an_own_id_that_a_text_without_one_has_got_is_refused(self, model):
        index = FaissIndex.build(model, ["a", "b"])
        with pytest.raises(ValueError, match="record 1: duplicate id '1': texts without an id get such numbers"):
            index.add([("own", "x"), ("1", "c")])
        assert index.ids == ["0", "1"]


class TestThreads:
    def test_searches_beside_adding_and_removing_are_right(self, model):
        index = FaissIndex.build(model, [(f"stay {number}", f"staying text {number}") for number in range(50)])
        expected = {id: index.text(id) for id in index.ids}
        stop = threading.Event()

        def search(number):
            found = 0
            while not stop.is_set() or not found:
                queries = list(expected.values())[number::8]
                for query, hits in zip(queries, index.search(queries, k=60), strict=True):
                    assert len({hit.id for hit in hits}) == len(hits) >= 50
                    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
                    assert expected[next(hit.id for hit in hits if hit.score > 1 - 1e-6)] == query
                    assert set(expected) <= {hit.id for hit in hits} or len(index) > 60 or len(hits) == 60
                    found += 1
            return found

        def change(number):
            for turn in range(20):
                ids = [f"{number} {turn} {place}" for place in range(5)]
                index.add([(id, f"passing {id}") for id in ids], chunk_size=2)
                index.remove(ids)

        with ThreadPoolExecutor(8) as pool:
            searches = [pool.submit(search, number) for number in range(4)]
            changes = [pool.submit(change, number) for number in range(4)]
            try:
                for job in changes:
                    job.result()
            finally:
                stop.set()
            assert all(job.result() for job in searches)
        assert index.ids == list(expected) and index._index.ntotal == 50

    def test_several_threads_add_and_no_row_comes_twice(self, model):
        index = FaissIndex(model)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: index.add([f"text {n} {m}" for m in range(50)], chunk_size=7), range(8)))
        assert len(index) == index._index.ntotal == 400 and index.ids == [str(row) for row in range(400)]
        for id in index.ids[::20]:  # equal vectors of other texts may come first
            assert id in [hit.id for hit in index.search(index.text(id), k=20) if hit.score > 1 - 1e-6]

    def test_an_id_that_another_thread_took_in_the_meantime_is_refused(self, model):
        index, encode = FaissIndex(model), model.encode

        def slow(texts, **kwargs):
            model.encode = encode
            thread = threading.Thread(target=index.add, args=([("a", "theirs"), "bare"],))
            thread.start()
            thread.join()
            return encode(texts, **kwargs)

        model.encode = slow
        with pytest.raises(ValueError, match="duplicate id 'a'"):
            index.add([("a", "ours")])
        assert index.text("a") == "theirs" and len(index) == index._index.ntotal == 2

    def test_a_save_beside_adding_is_one_state(self, model, tmp_path):
        index = FaissIndex.build(model, ["first"])
        with ThreadPoolExecutor(1) as pool:
            job = pool.submit(lambda: [index.add([f"text {number}"]) for number in range(100)])
            while not job.done():
                index.save(tmp_path / "index")
                loaded = FaissIndex.load(tmp_path / "index", model)
                assert loaded.ids == [str(row) for row in range(len(loaded))]

    @pytest.mark.parametrize("copied", [copy.deepcopy, lambda index: pickle.loads(pickle.dumps(index))])
    def test_a_copy_beside_adding_is_one_state(self, model, monkeypatch, copied):
        index, taken = FaissIndex.build(model, ["first"]), FaissIndex.__getstate__

        def state(self):
            found = taken(self)
            index.add(["by another thread, before the vectors are copied"])
            return found

        monkeypatch.setattr(FaissIndex, "__getstate__", state)
        again = copied(index)
        assert len(again) == again._index.ntotal == 1 and len(index) == index._index.ntotal == 2
        assert [hit.text for hit in again.search("first", k=5)] == ["first"]

    def test_a_copy_is_an_index_of_its_own(self, fruit):
        again = copy.deepcopy(fruit)
        again.remove("a")
        assert len(fruit) == 4 and again.search("red cherry", k=1) == fruit.search("red cherry", k=1)


class TestInterrupt:
    @staticmethod
    def whole(index):
        assert index._index.ntotal == len(index._records.rows) == len(index._records.texts)
        for row, _, text in index._records:
            vector = index.model.encode([text])[0]
            np.testing.assert_allclose(index._index.reconstruct(row), vector / np.linalg.norm(vector), atol=1e-6)

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("name", ["add_with_ids", "remove_ids"])
    def test_at_the_call_of_faiss_both_or_none(self, fruit, monkeypatch, name, after):
        real = getattr(fruit._index, name)

        def interrupted(*args):
            if after:
                real(*args)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(fruit._index, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                fruit.add([("e", "blue plum")]) if name == "add_with_ids" else fruit.remove("a")
        self.whole(fruit)
        changed = ["a", "b", "c", "d", "e"] if name == "add_with_ids" else ["b", "c", "d"]
        assert fruit.ids == (changed if after else ["a", "b", "c", "d"])

    def test_real_signals_at_any_moment(self, model, request):
        index = FaissIndex(model)
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
        interrupts = 0
        for turn in range(60):
            timer = threading.Timer(0.0005 * (turn % 30), signal.raise_signal, [signal.SIGINT])
            try:
                timer.start()
                index.add((f"text {turn} {number}" for number in range(400)), chunk_size=3)
                timer.join()
            except KeyboardInterrupt:
                interrupts += 1
            timer.join()
            assert index._index.ntotal == len(index._records.rows) == len(index._records.texts)
        assert interrupts
        self.whole(index)


class TestRemove:
    def test_removed_records_are_not_found_and_the_others_are(self, fruit):
        assert fruit.remove(["b", "a", "b"]) == 2
        assert fruit.ids == ["c", "d"] and "a" not in fruit and len(fruit) == 2
        assert [hit.id for hit in fruit.search("yellow banana")] == ["d", "c"]
        with pytest.raises(KeyError, match="'a'"):
            fruit.text("a")

    def test_an_id_can_come_back_and_is_then_the_last(self, fruit):
        fruit.remove("a")
        fruit.add([("a", "red cherry")])
        assert fruit.ids == ["b", "c", "d", "a"]
        assert [hit.id for hit in fruit.search("red cherry", k=2)] == ["c", "a"]

    def test_unknown_ids_are_named_and_nothing_is_removed(self, fruit):
        with pytest.raises(KeyError, match=r"'nope', 'no' \(2 in all\)"):
            fruit.remove(["a", "nope", "no"])
        assert fruit.ids == ["a", "b", "c", "d"]
        assert fruit.remove([]) == 0

    def test_everything(self, fruit):
        assert fruit.remove(iter(fruit.ids)) == 4
        assert len(fruit) == 0 and fruit.search("x") == []


class TestOtherFaissIndexes:
    @pytest.mark.parametrize("kind", ["Flat", "HNSW16", "SQfp16", "IDMap,Flat"])
    def test_search_and_reload(self, model, tmp_path, kind):
        index = FaissIndex(model, index=faiss.index_factory(32, kind, faiss.METRIC_INNER_PRODUCT))
        index.add(FRUIT)
        index.save(tmp_path / "index")
        for again in (index, FaissIndex.load(tmp_path / "index", model)):
            assert again.search("red cherry", k=9)[0] == Hit("c", pytest.approx(1, abs=0.02), "red cherry")

    def test_ivf_numbers_and_removes_rows_itself(self, model):
        ivf = faiss.index_factory(32, "IVF2,Flat", faiss.METRIC_INNER_PRODUCT)
        with pytest.raises(ValueError, match="trained and empty"):
            FaissIndex(model, index=ivf)
        ivf.train(np.random.default_rng(0).random((200, 32), dtype=np.float32))
        ivf.nprobe = 2
        index = FaissIndex(model, index=ivf)
        index.add(FRUIT)
        index.remove("a")
        assert index.search("ripe banana bread", k=1)[0].id == "d"
        assert len(index.search("ripe banana bread", k=9)) == 3

    def test_hnsw_cannot_remove(self, model):
        hnsw = faiss.index_factory(32, "HNSW16", faiss.METRIC_INNER_PRODUCT)
        index = FaissIndex(model, index=hnsw)
        index.add(FRUIT)
        with pytest.raises(ValueError, match="cannot remove"):
            index.remove("a")
        assert index.ids == ["a", "b", "c", "d"]

    def test_what_does_not_fit_is_refused(self, model):
        with pytest.raises(ValueError, match="31 dimensions, the model has 32"):
            FaissIndex(model, index=faiss.IndexFlatIP(31))
        with pytest.raises(ValueError, match="INNER_PRODUCT"):
            FaissIndex(model, index=faiss.IndexFlatL2(32))
        full = faiss.IndexFlatIP(32)
        full.add(np.ones((1, 32), dtype=np.float32))
        with pytest.raises(ValueError, match="trained and empty"):
            FaissIndex(model, index=full)

    def test_without_faiss_the_error_says_what_to_install(self, model, monkeypatch):
        monkeypatch.setitem(sys.modules, "faiss", None)
        with pytest.raises(ImportError, match="pip install faiss-cpu"):
            FaissIndex(model)


class TestSaveAndLoad:
    def test_the_same_answers_after_loading(self, fruit, saved):
        fruit.remove("b")
        fruit.save(saved)
        loaded = FaissIndex.load(str(saved), ToyModel())
        assert loaded.ids == ["a", "c", "d"] and loaded.text("d") == "ripe banana bread"
        assert loaded.search(["banana", "x"], k=3) == fruit.search(["banana", "x"], k=3)
        loaded.add([("b", "yellow banana")])
        loaded.remove("d")
        assert loaded.search("banana", k=1)[0].id == "b"
        assert sorted(os.listdir(saved.parent)) == ["index"]  # neither staging nor set-aside is left

    def test_what_is_in_the_directory(self, saved, model):
        assert sorted(os.listdir(saved)) == ["index.faiss", "meta.json", "records.jsonl"]
        records = [json.loads(line) for line in (saved / "records.jsonl").read_text().splitlines()]
        assert [(record["id"], record["text"]) for record in records] == FRUIT
        meta = json.loads((saved / "meta.json").read_text())
        assert (meta["format"], meta["format_version"], meta["metric"]) == ("tiered_st.index", 1, "cosine")
        assert (meta["dimension"], meta["count"], meta["model_name"]) == (32, 4, "ToyModel")
        assert meta["model_fingerprint"] == model_fingerprint(model) and meta["library_version"]
        for name, digest in meta["sha256"].items():
            assert hashlib.sha256((saved / name).read_bytes()).hexdigest() == digest

    def test_a_new_process_gives_the_same_answers(self, fruit, saved):
        code = (
            "import sys; sys.path.insert(0, sys.argv[1]); from test_index import FaissIndex, ToyModel;"
            "hits = FaissIndex.load(sys.argv[2], ToyModel()).search('gren aple', k=4);"
            "print([(hit.id, hit.score) for hit in hits])"
        )
        command = [sys.executable, "-c", code, str(Path(__file__).parent), str(saved)]
        root = Path(__file__).parents[2]
        environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": "7"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str([(hit.id, hit.score) for hit in fruit.search("gren aple", k=4)])

    def test_every_string_survives(self, model, tmp_path):
        index = FaissIndex.build(model, ODD_TEXTS.items())
        index.save(tmp_path / "индекс 🍌")
        loaded = FaissIndex.load(tmp_path / "индекс 🍌", model)
        assert {id: loaded.text(id) for id in loaded.ids} == ODD_TEXTS
        for id, text in ODD_TEXTS.items():
            assert loaded.search(text, k=1)[0] == Hit(id, pytest.approx(1), text)

    def test_surrogates_survive_at_any_place_in_a_long_file(self, model, tmp_path):
        texts = ["x" * (number % 7) + "\ud83d" * 50 for number in range(400)]  # across every read buffer's edge
        FaissIndex.build(model, texts).save(tmp_path / "index")
        loaded = FaissIndex.load(tmp_path / "index", model)
        assert [loaded.text(id) for id in loaded.ids] == texts

    def test_an_empty_index(self, model, tmp_path):
        FaissIndex(model).save(tmp_path / "deep" / "er" / "index")
        loaded = FaissIndex.load(tmp_path / "deep" / "er" / "index", model)
        assert loaded.ids == [] and loaded.search("x") == []

    def test_a_symlink_stays_one(self, fruit, saved):
        link = saved.with_name("link")
        link.symlink_to(saved)
        fruit.remove("a")
        fruit.save(link)
        assert link.is_symlink() and FaissIndex.load(saved, fruit.model).ids == ["b", "c", "d"]


class TestInterruptedSave:
    @pytest.mark.parametrize("survived", [0, 1])
    def test_renames_that_fail_leave_the_old_index(self, fruit, saved, monkeypatch, survived):
        rename, done = os.rename, []

        def failing(source, target):
            if len(done) >= survived:
                raise OSError("disk gone")
            done.append(rename(source, target))

        fruit.remove("a")
        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", failing)
            with pytest.raises(OSError, match="disk gone"):
                fruit.save(saved)
        assert saved.exists() == (survived == 0)  # after one rename only the set-aside is there, and is read
        assert FaissIndex.load(saved, fruit.model).ids == ["a", "b", "c", "d"]
        fruit.save(saved)
        assert FaissIndex.load(saved, fruit.model).ids == ["b", "c", "d"]
        assert os.listdir(saved.parent) == ["index"]

    def test_a_failing_second_rename_is_undone(self, fruit, saved, monkeypatch):
        rename = os.rename

        def failing(source, target):
            if ".saving-" in str(source):
                raise OSError("disk gone")
            rename(source, target)

        monkeypatch.setattr(os, "rename", failing)
        with pytest.raises(OSError, match="disk gone"):
            fruit.save(saved)
        assert os.listdir(saved.parent) == ["index"]

    def test_a_failing_write_leaves_the_old_index(self, fruit, saved, monkeypatch):
        def failing(descriptor):
            raise OSError("no space")

        fruit.remove("a")
        monkeypatch.setattr(os, "fsync", failing)
        with pytest.raises(OSError, match="no space"):
            fruit.save(saved)
        assert os.listdir(saved.parent) == ["index"]
        assert len(FaissIndex.load(saved, fruit.model)) == 4

    def test_a_half_deleted_set_aside_is_in_nobodys_way(self, fruit, saved):
        aside = saved.with_name(".index.set-aside")
        shutil.copytree(saved, aside)
        (aside / "meta.json").unlink()
        assert len(FaissIndex.load(saved, fruit.model)) == 4
        fruit.save(saved)
        assert os.listdir(saved.parent) == ["index"]

    def test_a_killed_process_loses_nothing(self, saved):
        code = (
            "import os, sys; sys.path.insert(0, sys.argv[1]); from test_index import FaissIndex, ToyModel;"
            "index = FaissIndex.build(ToyModel(), ['new']); rename = os.rename;"
            "os.rename = lambda *names: os._exit(9) if '.saving-' in str(names[0]) else rename(*names);"
            "index.save(sys.argv[2])"
        )
        command = [sys.executable, "-c", code, str(Path(__file__).parent), str(saved)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        assert subprocess.run(command, env=environment, timeout=120).returncode == 9
        assert not saved.exists()
        assert FaissIndex.load(saved, ToyModel()).ids == ["a", "b", "c", "d"]


class TestForeignPaths:
    @pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "._meta.json"])
    def test_what_file_managers_leave_is_in_nobodys_way(self, fruit, saved, name):
        (saved / name).write_text("icons")
        fruit.remove("a")
        fruit.save(saved)
        assert FaissIndex.load(saved, fruit.model).ids == ["b", "c", "d"]

    def test_an_index_that_is_replaced_while_it_is_read_is_read_again(self, fruit, saved, monkeypatch):
        read, replaced = index_files._read_meta, []

        def reading(file):
            meta = read(file)
            if not replaced:
                replaced.append(True)
                fruit.remove("a")
                fruit.save(saved)
            return meta

        monkeypatch.setattr(index_files, "_read_meta", reading)
        assert FaissIndex.load(saved, fruit.model).ids == ["b", "c", "d"]

    def test_an_index_that_is_being_replaced_is_read_where_it_stands(self, saved, model, monkeypatch):
        read, aside = index_files._read_meta, saved.with_name(".index.set-aside")

        def reading(file):
            if not aside.exists():
                saved.rename(aside)  # the first of the two renames of a save
            return read(file)

        monkeypatch.setattr(index_files, "_read_meta", reading)
        assert FaissIndex.load(saved, model).ids == ["a", "b", "c", "d"]

    @pytest.mark.parametrize("step", ["import_faiss", "_read_records"])
    def test_vectors_and_texts_are_of_one_save(self, saved, model, monkeypatch, step):
        other = FaissIndex.build(model, zip("abcd", ["yellow", "green", "ripe", "red"], strict=True))  # as many rows
        real, replaced = getattr(index_files, step), []

        def reading(*args):
            if not replaced:
                replaced.append(True)
                other.save(saved)
            return real(*args)

        monkeypatch.setattr(index_files, step, reading)
        loaded = FaissIndex.load(saved, model)
        assert replaced and loaded.search("green", k=1)[0].text in ("green", "green apple")
        for id in loaded.ids:
            assert loaded.search(loaded.text(id), k=1)[0] == Hit(id, pytest.approx(1), loaded.text(id))

    def test_a_directory_with_other_files_is_not_overwritten(self, fruit, tmp_path):
        (tmp_path / "thesis.tex").write_text("years of work")
        with pytest.raises(IndexFileError, match=r"thesis\.tex.*Refusing to overwrite"):
            fruit.save(tmp_path)
        assert (tmp_path / "thesis.tex").read_text() == "years of work"

    def test_an_index_with_a_foreign_file_in_it_is_not_overwritten(self, fruit, saved):
        (saved / "notes.txt").write_text("mine")
        with pytest.raises(IndexFileError, match=r"notes\.txt"):
            fruit.save(saved)
        assert (saved / "notes.txt").exists()

    def test_a_file_an_empty_directory_and_someone_elses_meta(self, fruit, tmp_path):
        (tmp_path / "file").write_text("x")
        (tmp_path / "empty").mkdir()
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "meta.json").write_text('{"format": "something else"}')
        for name in ("file", "empty", "other"):
            with pytest.raises(IndexFileError, match="is not an index directory"):
                fruit.save(tmp_path / name)
        assert sorted(os.listdir(tmp_path)) == ["empty", "file", "other"]

    def test_loading_what_is_not_there(self, model, tmp_path):
        (tmp_path / "empty").mkdir()
        (tmp_path / "file").write_text("x")
        for name, found in (
            ("nothing", "no index"),
            ("file", "no index"),
            ("empty", r"meta\.json: cannot be"),
        ):
            with pytest.raises(IndexFileError, match=found):
                FaissIndex.load(tmp_path / name, model)


class TestDamage:
    @pytest.mark.parametrize("name", ["index.faiss", "records.jsonl", "meta.json"])
    @pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "garbage", "directory"])
    def test_the_damaged_file_is_named(self, saved, model, name, damage):
        file = saved / name
        data = file.read_bytes()
        file.unlink()
        if damage == "directory":
            file.mkdir()
        elif damage != "missing":
            bad = {"empty": b"", "truncated": data[: len(data) // 2], "garbage": b"\xff\x00[[[" * 99}
            file.write_bytes(bad[damage])
        with pytest.raises(IndexFileError, match=f"{name}: .*(uild the index again)"):
            FaissIndex.load(saved, model)

    def test_one_flipped_bit_in_the_vectors(self, saved, model):
        data = bytearray((saved / "index.faiss").read_bytes())
        data[len(data) // 2] ^= 1
        (saved / "index.faiss").write_bytes(data)
        with pytest.raises(IndexFileError, match=r"index\.faiss: its sha256"):
            FaissIndex.load(saved, model)

    @pytest.mark.parametrize("data", [b"", b"IxFI", b"garbage" * 20, b"IxM2" + b"\xff" * 40])
    def test_bytes_that_faiss_cannot_read(self, saved, model, data):
        rewrite(saved, "index.faiss", data)
        with pytest.raises(IndexFileError, match=r"index\.faiss: FAISS cannot read it"):
            FaissIndex.load(saved, model)

    @pytest.mark.parametrize(
        ("lines", "found"),
        [
            (b"not json\n", "line 1 is not a record"),
            (b"\xff\xfe\n", "line 1 is not a record"),
            (b"[" * 100_000, "line 1 is not a record"),
            (b'{"row": 0, "id": "a"}\n', "line 1 is not a record"),
            (b'{"row": 0, "id": "a", "text": 3}\n', "must be strings"),
            (b'{"row": 99, "id": "a", "text": ""}\n', "row 99 is not in"),
            (
                b'{"row": 0, "id": "a", "text": ""}\n{"row": 1, "id": "a", "text": ""}\n',
                "line 2 .*comes twice",
            ),
            (b'{"row": 0, "id": "a", "text": ""}\n', "count is 1, meta.json says 4"),
            (
                b"\n".join(b'{"row": %d, "id": "%d", "text": ""}' % (3 - i, i) for i in range(4)),
                "its rows are",
            ),
        ],
    )
    def test_records_that_are_none(self, saved, model, lines, found):
        rewrite(saved, "records.jsonl", lines)
        with pytest.raises(IndexFileError, match=rf"records\.jsonl: .*{found}"):
            FaissIndex.load(saved, model)

    @pytest.mark.parametrize(
        ("changes", "found"),
        [
            ({"format_version": 4}, "format version 4, this version reads 1 and 2 and 3"),
            ({"format_version": 2}, "'prompts' is None, expected dict"),
            ({"format_version": 3, "prompts": {}}, "'learned_words' is None, expected int"),
            ({"format": "other"}, "not written by FaissIndex"),
            ({"count": "4"}, "'count' is '4', expected int"),
            ({"sha256": None}, "'sha256' is None, expected dict"),
            ({"sha256": {}}, "meta.json says None"),
            ({"count": 5}, "count is 4, meta.json says 5"),
            ({"dimension": 31}, "dimension is 32, meta.json says 31"),
        ],
    )
    def test_a_meta_that_disagrees(self, saved, model, changes, found):
        edit_meta(saved, **changes)
        with pytest.raises(IndexFileError, match=found):
            FaissIndex.load(saved, model)

    def test_a_meta_that_is_no_object(self, saved, model):
        for text in ("[]", "3", "null", "[" * 100_000):
            (saved / "meta.json").write_text(text)
            with pytest.raises(IndexFileError, match=r"meta\.json"):
                FaissIndex.load(saved, model)


class TestModelCheck:
    def test_another_model_is_refused_unless_told_otherwise(self, saved):
        with pytest.raises(ModelMismatchError, match=r"built by 'ToyModel' with fingerprint .*check_model=False"):
            FaissIndex.load(saved, ToyModel(salt="other"))
        assert len(FaissIndex.load(saved, ToyModel(salt="other"), check_model=False)) == 4

    def test_another_dimension_is_refused_always(self, saved):
        with pytest.raises(ModelMismatchError, match="32 dimensions, this model has 2"):
            FaissIndex.load(saved, TableModel(), check_model=False)

    def test_the_stored_fingerprint_is_of_the_weights_that_embedded(self, model, tmp_path):
        index = FaissIndex.build(model, ["x"])
        before = model_fingerprint(model)
        model.salt = "trained further"
        index.save(tmp_path / "index")
        assert json.loads((tmp_path / "index" / "meta.json").read_text())["model_fingerprint"] == before
        with pytest.raises(ModelMismatchError):
            FaissIndex.load(tmp_path / "index", model)
