"""An index teaches a copy of its model the words of its texts, remembers which, and teaches them again when loaded."""

from __future__ import annotations

import hashlib
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import TOY, make_model
from sentence_transformers import SentenceTransformer

import tiered_st
from tiered_st import runtime
from tiered_st.fingerprint import model_fingerprint
from tiered_st.indexes import DiskIndex, FaissIndex, IndexFileError, ModelMismatchError, ShardedIndex
from tiered_st.learned_words import learned_words
from tiered_st.teaching import corpus_words as choosing

pytest.importorskip("faiss")

TEXTS = ["Zyrvexa kettle, 12 cups", "the Zyrvexa is red!", "QUORLITEX :) 3.5", "zyrvexa lamp Mynthera"]
WORDS = ["Zyrvexa", "kettle", "cups", "the", "is", "red", "QUORLITEX", "lamp", "Mynthera"]
QUERIES = ["zyrvxea", "quorlltex", "mynterha kettel", "nothing of it"]
CONFIG = TOY.replace(memory_slots=8, memory_width=16)


def knowing(seed: int = 0, **settings: Any) -> SentenceTransformer:
    """Build a toy whose memory knows no word: each is new to it."""
    return make_model(CONFIG.replace(**settings), seed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "toy"
    knowing().save(str(folder), create_model_card=False)
    return folder


@pytest.fixture(scope="module")
def index() -> FaissIndex:
    return FaissIndex.build(knowing(), TEXTS, learn_words=True)


@pytest.fixture
def saved(index: FaissIndex, tmp_path: Path) -> Path:
    index.save(tmp_path / "i")
    return tmp_path / "i"


def scores(index: FaissIndex) -> list[float]:
    return [hit.score for hits in index.search(QUERIES) for hit in sorted(hits, key=lambda hit: hit.id)]


def test_a_copy_is_taught_and_the_model_stays_as_it_was() -> None:
    model = knowing()
    before, vectors = model_fingerprint(model), model.encode(QUERIES)
    one = FaissIndex.build(model, TEXTS, learn_words=True)
    other = FaissIndex.build(model, ["quite Bastrigo"], learn_words=True)
    assert one.learned_words == WORDS and other.learned_words == ["quite", "Bastrigo"]
    assert learned_words(one.model) == [word.lower() for word in WORDS] and learned_words(model) == []
    assert model_fingerprint(model) == before == one.model_meta()["model_fingerprint"]
    np.testing.assert_array_equal(model.encode(QUERIES), vectors)
    tiered_st.learn_words(model, WORDS)  # by hand: the same words, in the same case
    expected = FaissIndex.build(model, TEXTS)
    np.testing.assert_allclose(scores(one), scores(expected), atol=1e-5)
    assert not np.allclose(scores(one), scores(FaissIndex.build(knowing(), TEXTS)), atol=1e-4)


def test_a_fresh_copy_of_the_model_is_taught_again(index: FaissIndex, saved: Path, folder: Path) -> None:
    model, light = knowing(), runtime.load(folder)
    for fresh in (model, light):
        loaded = FaissIndex.load(saved, fresh)
        assert loaded.model is not fresh and learned_words(fresh) == []
        assert loaded.learned_words == WORDS
        np.testing.assert_allclose(scores(loaded), scores(index), atol=1e-5)
    assert FaissIndex.load(saved, index.model).model is index.model  # which knows them
    loaded.save(saved)
    np.testing.assert_allclose(scores(FaissIndex.load(saved, knowing())), scores(index), atol=1e-5)
    meta = json.loads((saved / "meta.json").read_text())
    assert (meta["format_version"], meta["learned_words"], meta["prompts"]) == (3, len(WORDS), {})
    assert meta["model_fingerprint"] == model_fingerprint(model)
    assert [json.loads(line) for line in (saved / "words.jsonl").read_text().splitlines()] == WORDS


def test_what_was_taught_is_saved_with_the_model_too(index: FaissIndex, saved: Path, tmp_path: Path) -> None:
    index.model.save(str(tmp_path / "taught"))
    for again in (tiered_st.load(tmp_path / "taught", device="cpu"), runtime.load(tmp_path / "taught")):
        loaded = FaissIndex.load(saved, again)
        assert loaded.model is again
        np.testing.assert_allclose(scores(loaded), scores(index), atol=1e-5)


def test_a_model_without_torch_teaches_the_same(index: FaissIndex, folder: Path, tmp_path: Path) -> None:
    model = runtime.load(folder)
    built = FaissIndex.build(model, TEXTS, learn_words=True)
    assert built.learned_words == WORDS and learned_words(model) == []
    assert model_fingerprint(model) == built.model_meta()["model_fingerprint"]
    again = pickle.loads(pickle.dumps(built))
    for found in (built, again):
        np.testing.assert_allclose(scores(found), scores(index), atol=1e-5)
    built.save(tmp_path / "i")
    np.testing.assert_allclose(scores(FaissIndex.load(tmp_path / "i", knowing())), scores(index), atol=1e-5)


def test_other_models_are_refused(saved: Path) -> None:
    taught = knowing()
    tiered_st.learn_words(taught, [*WORDS, "more"])
    lower = knowing()
    tiered_st.learn_words(lower, [word.lower() for word in WORDS])  # as vectors go, other words
    table = tiered_st.tabulate(knowing(), TEXTS)
    for model, why in (
        (knowing(seed=1), "other weights"), (taught, "other weights"), (lower, "other weights"),
        (make_model(TOY), "other weights|settings"), (knowing(lowercase=False), "other settings"),
        (table, "it has a table of chunk vectors|other weights"),
    ):  # fmt: skip
        with pytest.raises(ModelMismatchError, match=rf"i: built by .* \(taught 9 words of the texts\): .*({why})"):
            FaissIndex.load(saved, model)
    with pytest.raises(ModelMismatchError, match="32 dimensions, this model has 2"):
        FaissIndex.load(saved, Plain(), check_model=False)
    unchecked = FaissIndex.load(saved, knowing(seed=1), check_model=False)  # taught all the same
    assert learned_words(unchecked.model) == [word.lower() for word in WORDS]
    assert len(learned_words(FaissIndex.load(saved, taught, check_model=False).model)) == len(WORDS) + 1


def test_what_is_added_later_is_not_taught(saved: Path) -> None:
    index = FaissIndex.load(saved, knowing())
    index.add([("new", "Bastrigo kettle")])
    assert index.learned_words == WORDS and "bastrigo" not in learned_words(index.model)
    assert index.search("Bastrigo kettle", k=1)[0].id == "new"
    index.save(saved)
    assert len(FaissIndex.load(saved, knowing())) == 5


def test_nothing_new_is_an_index_as_before(tmp_path: Path) -> None:
    model = knowing()
    tiered_st.learn_words(model, TEXTS)
    for texts in (TEXTS, [], ["", "…!", "🙂", "12 3.5 1999"]):
        index = FaissIndex.build(model, texts, learn_words=True)
        assert index.model is model and index.learned_words == [] and len(index) == len(texts)
        index.save(tmp_path / "i")
        assert json.loads((tmp_path / "i" / "meta.json").read_text())["format_version"] == 1
        assert not (tmp_path / "i" / "words.jsonl").exists()


def test_words_of_every_sort_come_back(tmp_path: Path) -> None:
    odd = [
        "a\ud83db \ud83d\ude00", "Ärger CAFÉ naïve", "слово ЁЖ", "漢字かな", "नमस्ते", "x" * 70, "don't e\u0301",
        "ǅ ß ΑΣ",
    ]  # fmt: skip
    index = FaissIndex.build(knowing(), odd, learn_words=True)
    assert {"Ärger", "CAFÉ", "naïve", "слово", "ёж", "漢字", "don't", "é", "ß"} <= set(index.learned_words)
    index.save(tmp_path / "i")
    loaded = FaissIndex.load(tmp_path / "i", knowing())
    assert loaded.learned_words == index.learned_words
    found, expected = loaded.search(odd, k=1), index.search(odd, k=1)
    assert [hit.text for (hit,) in found] == [hit.text for (hit,) in expected]
    np.testing.assert_allclose([hit.score for (hit,) in found], [hit.score for (hit,) in expected], atol=1e-5)


def test_the_most_frequent_are_taught_where_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(choosing, "MOST", 3)
    monkeypatch.setattr(choosing, "_BLOCK", 2)
    index = FaissIndex.build(knowing(), ["one two three four", "Four three", "four"], learn_words=True)
    assert index.learned_words == ["four", "three", "one"]
    assert "the 3 most frequent are, 1 rarer ones are not" in caplog.text


def test_words_that_are_not_read_are_not_taught() -> None:
    model = knowing()
    model.max_seq_length = 4
    assert FaissIndex.build(model, ["one two three four"], learn_words=True).learned_words == ["one", "two"]


class Plain:
    def encode(self, texts: list[str], **_: Any) -> np.ndarray:
        return np.ones((len(texts), 2), dtype=np.float32)


def test_what_cannot_be_taught_says_so() -> None:
    with pytest.raises(ValueError, match=r"A Plain cannot be taught words: load a model by tiered_st\.load"):
        FaissIndex.build(Plain(), TEXTS, learn_words=True)
    with pytest.raises(ValueError, match="cannot be taught words, it has memory_slots=0"):
        FaissIndex.build(make_model(TOY), [], learn_words=True)
    with pytest.raises(TypeError, match=r"learn_words='Zyrvexa' must be True or False: .*tiered_st\.learn_words"):
        FaissIndex.build(knowing(), TEXTS, learn_words="Zyrvexa")
    with pytest.raises(ValueError, match="record 1: expected a text"):
        FaissIndex.build(knowing(), ["fine", None], learn_words=True)


def test_records_of_every_kind_are_read_twice() -> None:
    for records in ({"a": "Zyrvexa"}, iter([("a", "Zyrvexa")]), (pair for pair in [("a", "Zyrvexa")])):
        index = FaissIndex.build(knowing(), records, learn_words=True, config=tiered_st.IndexConfig("auto"))
        assert index.ids == ["a"] and index.learned_words == ["Zyrvexa"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, r"words\.jsonl: cannot be read"),
        (b'"Zyrvexa"\n', r"words\.jsonl: its sha256"),
        (b"3\n", "line 1 is not a word"),
        (b'"one"\n["two"]\n', "line 2 is not a word"),
        (b"\xff\n", "line 1 is not a word"),
        (b'"one"\n', "its learned_words is 1, meta.json says 9"),
    ],
)
def test_damaged_words_are_found(saved: Path, content: bytes | None, found: str) -> None:
    file = saved / "words.jsonl"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
        if "sha256" not in found:
            meta = json.loads((saved / "meta.json").read_text())
            meta["sha256"]["words.jsonl"] = hashlib.sha256(content).hexdigest()
            (saved / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(IndexFileError, match=found):
        FaissIndex.load(saved, knowing())


def test_shards_that_were_taught_other_words_are_refused(index: FaissIndex, saved: Path) -> None:
    model = knowing()
    alike = FaissIndex.load(saved, model)
    alike.remove(alike.ids)
    assert ShardedIndex([index, alike]).search("Zyrvexa", k=1)[0].score > 0
    for other in (FaissIndex.build(model, ["x"]), FaissIndex.build(model, ["x yz"], learn_words=True)):
        with pytest.raises(ModelMismatchError, match="shard 0 has taught its model 9 words, shard 1 other"):
            ShardedIndex([index, other], check_ids=False)


def test_threads_search_two_indexes_of_one_model(folder: Path) -> None:
    for model in (knowing(), runtime.load(folder, threads=1)):
        pair = [FaissIndex.build(model, texts, learn_words=True) for texts in (TEXTS, [*TEXTS[1:], "Bastrigo"])]
        expected = [scores(index) for index in pair]
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(scores, [*pair] * 4))
        np.testing.assert_allclose(found[::2], [expected[0]] * 4, atol=1e-6)
        np.testing.assert_allclose(found[1::2], [expected[1]] * 4, atol=1e-6)


def test_an_index_on_disk_is_built_by_a_model_that_was_taught_before(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="folders of embeddings are parquet: pip install pyarrow")
    from tiered_st.scale import embed

    taught = knowing()
    tiered_st.learn_words(taught, TEXTS)
    taught.save(str(tmp_path / "model"), create_model_card=False)
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS))
    embeddings = embed(str(tmp_path / "texts.txt"), str(tmp_path / "e"), model=str(tmp_path / "model"))
    index = DiskIndex.build(tmp_path / "i", embeddings, runtime.load(tmp_path / "model"))
    expected = FaissIndex.build(taught, TEXTS).search(QUERIES, k=1)
    found = index.search(QUERIES, k=1)
    assert [hit.text for (hit,) in found] == [hit.text for (hit,) in expected]
    np.testing.assert_allclose([hit.score for (hit,) in found], [hit.score for (hit,) in expected], atol=1e-3)
    with pytest.raises(ModelMismatchError, match="other weights"):
        DiskIndex.load(tmp_path / "i", knowing())
