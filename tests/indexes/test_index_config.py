"""Settings of an index are settled by its size, or refused by name."""

from __future__ import annotations

import pytest

from tiered_st.indexes import FaissIndex, IndexConfig


@pytest.mark.parametrize(
    ("count", "kind"),
    [(0, "flat"), (10_000, "flat"), (10_001, "ivf"), (200_000, "ivf"), (200_001, "ivf_pq"), (10_000_000, "ivf_pq")],
)
def test_auto_goes_by_the_number_of_vectors(count: int, kind: str) -> None:
    settled = IndexConfig().settled(count, 384)
    assert settled.kind == kind
    assert settled.settled(count, 384) == settled


def test_every_number_of_a_kind_is_settled() -> None:
    large = IndexConfig().settled(10_000_000, 384)
    assert (large.lists, large.code_bytes) == (4096, 48)
    assert large.probes and large.rerank and large.sample >= 39 * large.lists
    assert (large.links, large.construction, large.depth) == (None, None, None)
    graph = IndexConfig("hnsw").settled(1000, 384)
    assert (graph.links, graph.construction, graph.depth) == (32, 80, 128)
    assert (graph.lists, graph.code_bytes) == (None, None)
    assert IndexConfig("flat").settled(9, 8).as_dict() == {"kind": "flat", "seed": 0}
    assert IndexConfig("ivf").settled(3, 8).lists == 1


def test_what_is_given_stays() -> None:
    given = IndexConfig("ivf_pq", lists=7, probes=3, code_bytes=6, rerank=11, sample=300, seed=5)
    assert given.settled(1000, 384) == given


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "lsh"}, "kind='lsh' is none of auto, flat, hnsw, ivf, ivf_pq"),
        ({"kind": "hnsw", "lists": 4}, "lists=4 is of kind 'ivf', 'ivf_pq', not of 'hnsw'"),
        ({"kind": "flat", "rerank": 4}, "rerank=4 is of kind 'hnsw', 'ivf', 'ivf_pq', not of 'flat'"),
        ({"kind": "ivf", "code_bytes": 4}, "code_bytes=4 is of kind 'ivf_pq'"),
        ({"kind": "ivf_pq", "depth": 4}, "depth=4 is of kind 'hnsw'"),
        ({"lists": 0}, "lists=0 must be a whole number of at least 1"),
        ({"probes": 2.0}, "probes=2.0 must be"),
        ({"rerank": True}, "rerank=True must be"),
        ({"seed": -1}, "seed=-1 must be a whole number of at least 0"),
        ({"seed": None}, "seed=None must be"),
        ({"kind": "ivf", "lists": 4, "probes": 5}, "probes=5 is more than lists=4"),
        ({"kind": "ivf", "lists": 40, "sample": 5}, "sample=5 vectors cannot give lists=40"),
    ],
)
def test_contradictions_are_refused_by_name(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        IndexConfig(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "count", "message"),
    [
        (IndexConfig(lists=4), 100, "lists=4 is of kind .*which kind='auto' chose for 100 vectors: name the kind"),
        (IndexConfig("ivf", lists=101), 100, "lists=101 are more than the 100 vectors"),
        (IndexConfig("ivf", probes=101), 100, "probes=101 is more than the"),
        (IndexConfig("ivf_pq"), 255, "255 vectors are too few: take 'flat'"),
        (IndexConfig("ivf_pq", code_bytes=5), 1000, "code_bytes=5 does not divide the dimension 384"),
        (IndexConfig("ivf_pq", sample=255), 1000, "sample=255 is below"),
    ],
)
def test_what_does_not_fit_the_vectors_is_refused(config: IndexConfig, count: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config.settled(count, 384)


class TestInMemory:
    pytest.importorskip("faiss")

    @pytest.fixture
    def model(self):
        from disk_tools import ToyModel

        return ToyModel()

    @pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf"])
    def test_every_kind_finds_and_reloads(self, model, kind: str, tmp_path) -> None:
        texts = [f"text {number} of {number % 7} colours" for number in range(300)]
        index = FaissIndex.build(model, texts, config=IndexConfig(kind), chunk_size=64)
        assert len(index) == 300 and [index.search(text, k=1)[0].text for text in texts[::29]] == texts[::29]
        embedded = [text for call in model.calls for text in call if text in set(texts)]
        assert len(embedded) - len(texts[::29]) == 300  # what the lists were learned from is not embedded again
        index.save(tmp_path / "index")
        again = FaissIndex.load(tmp_path / "index", model)
        assert again.search(texts[3]) == index.search(texts[3])

    def test_lists_are_learned_from_the_first_records_alone(self, model) -> None:
        config = IndexConfig("ivf", lists=4, probes=4, sample=50)
        index = FaissIndex.build(model, {f"id {n}": f"text {n}" for n in range(130)}, config=config, chunk_size=40)
        batches = [call for call in model.calls if len(call) > 1]
        assert batches[:2] == [[f"text {n}" for n in range(50)], [f"text {n}" for n in range(50, 80)]]
        assert index.ids == [f"id {n}" for n in range(130)] and index.search("text 99", k=1)[0].id == "id 99"

    @pytest.mark.parametrize(
        ("config", "message"),
        [
            (IndexConfig("ivf_pq"), "kind='ivf_pq' is of an index on disk"),
            (IndexConfig("ivf", rerank=5), "rerank=5 is of an index on disk"),
            (IndexConfig("ivf", lists=5), "lists=5 are more than the 2 vectors"),
        ],
    )
    def test_what_needs_the_disk_or_does_not_fit_is_refused(self, model, config, message) -> None:
        with pytest.raises(ValueError, match=message):
            FaissIndex.build(model, ["a", "b"], config=config)

    def test_auto_needs_to_know_how_many(self, model) -> None:
        assert len(FaissIndex.build(model, ["a", "b"], config=IndexConfig())) == 2
        with pytest.raises(ValueError, match="kind='auto' goes by the number of records: pass a list"):
            FaissIndex.build(model, (text for text in "ab"), config=IndexConfig())

    def test_a_bad_record_is_named_before_lists_are_learned(self, model) -> None:
        with pytest.raises(ValueError, match="record 1: expected a text"):
            FaissIndex.build(model, ["a", 3, "c"], config=IndexConfig("ivf", lists=1))
