"""One search over several indexes gives what one index of all would."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("faiss")
pytest.importorskip("pyarrow", reason="folders of embeddings are parquet: pip install pyarrow")
from disk_tools import ToyModel, write_texts

from tiered_st.indexes import DiskIndex, FaissIndex, ModelMismatchError, ShardedIndex

TEXTS = {f"id {n}": f"text {n} on {n % 11} {'apples' if n % 3 else 'cherries'}" for n in range(90)}


@pytest.fixture
def model() -> ToyModel:
    return ToyModel()


@pytest.fixture
def shards(model, tmp_path) -> list[DiskIndex | FaissIndex]:
    parts = [dict(list(TEXTS.items())[first : first + 30]) for first in (0, 30, 60)]
    disk = [
        DiskIndex.build(tmp_path / f"i{n}", write_texts(tmp_path / f"e{n}", model, parts[n]), model) for n in (0, 1)
    ]
    return [*disk, FaissIndex.build(model, parts[2])]


def test_the_hits_of_all_are_those_of_one(model, shards) -> None:
    sharded, one = ShardedIndex(shards), FaissIndex.build(model, TEXTS)
    assert (len(sharded), list(sharded.ids), "id 40" in sharded, "x" in sharded) == (90, list(TEXTS), True, False)
    assert sharded.text("id 70") == TEXTS["id 70"]
    model.calls.clear()
    found = sharded.search(["tetx 40", "cherires"], k=20)
    assert model.calls == [["tetx 40", "cherires"]]  # embedded once
    for hits, expected in zip(found, one.search(["tetx 40", "cherires"], k=20), strict=True):
        assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in expected], abs=1e-4)
        assert all(hit.text == TEXTS[hit.id] for hit in hits)
    assert sharded.search("text 40 on 7 apples", k=1)[0].id == "id 40"
    assert len(sharded.search("x", k=1000)) == 90 and sharded.search([]) == []
    with pytest.raises(ValueError, match="k must be at least 1"):
        sharded.search("x", k=0)
    with pytest.raises(KeyError, match="unknown id: 'x'"):
        sharded.text("x")


def test_earlier_shards_come_first_in_a_tie(model) -> None:
    sharded = ShardedIndex([FaissIndex.build(model, {id: "same", id + "2": "same"}) for id in "cab"])
    assert [hit.id for hit in sharded.search("same", k=5)] == ["c", "c2", "a", "a2", "b"]


def test_what_is_added_to_a_shard_is_found(shards) -> None:
    sharded = ShardedIndex(shards)
    shards[1].add([("late", "a late plum")])
    assert sharded.search("a late plum", k=1)[0].id == "late" and len(sharded) == 91


def test_an_id_in_two_shards_is_refused(model, shards) -> None:
    twice = FaissIndex.build(model, {"z": "x", "id 40": "y"})
    with pytest.raises(ValueError, match="the id 'id 40' stands in shards 1 and 3"):
        ShardedIndex([*shards, twice])
    unchecked = ShardedIndex([*shards, twice], check_ids=False)
    assert unchecked.search("text 3 on 3 cherries", k=1)[0].id == "id 3"
    with pytest.raises(ValueError, match="the id 'id 40' stands in two shards"):
        unchecked.search("x", k=92)


def test_shards_of_different_models_and_none_are_refused(shards, tmp_path) -> None:
    with pytest.raises(ValueError, match="shards is empty"):
        ShardedIndex([])
    with pytest.raises(ModelMismatchError, match=r"shards of different models.*shard 1 by 'ToyModel'"):
        ShardedIndex([shards[0], FaissIndex.build(ToyModel(salt="x"), ["a"])])
    blind = ShardedIndex([DiskIndex.load(tmp_path / "i0")])
    with pytest.raises(ValueError, match="opened without a model"):
        blind.search("x")
    assert len(blind.search_vectors(np.eye(32, dtype=np.float32)[:1], 2)[0]) == 2
    assert (
        ShardedIndex([DiskIndex.load(tmp_path / "i0"), shards[1]]).search("text 3 on 3 cherries", k=1)[0].id == "id 3"
    )


def test_empty_shards(model) -> None:
    sharded = ShardedIndex([FaissIndex(model), FaissIndex.build(model, {"a": "x"})])
    assert [hit.id for hit in sharded.search("x", k=3)] == ["a"]
    assert ShardedIndex([FaissIndex(model)]).search(["x"]) == [[]]


def test_vectors_are_searched_for_in_every_kind(model, shards) -> None:
    vectors = model.encode(["text 61 on 6 apples"])
    vectors /= np.linalg.norm(vectors)
    in_memory = shards[2]
    assert in_memory.search_vectors(vectors, 3) == [in_memory.search("text 61 on 6 apples", k=3)]
    for shard in shards:
        with pytest.raises(ValueError, match=r"shape \(1, 31\), expected \(queries, 32\)"):
            shard.search_vectors(vectors[:, :31])
        with pytest.raises(ValueError, match="k must be at least 1"):
            shard.search_vectors(vectors, 0)
