"""Vectors kept between calls: the same as fresh ones, never stale, never many."""

from __future__ import annotations

import copy
import pickle
import random
import string
from collections.abc import Callable

import pytest
import torch
from conftest import TOY, make_model
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from tiered_st.modules.chunk_cache import ChunkCache

TEXTS = ["the cat sat on the mat", "The dog, a CAT and the mat!", "", "你好 😂", "supercalifragilisticexpialidocious"]


def words(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 14))) for _ in range(count)]


def fresh(model: SentenceTransformer, texts: list[str]) -> Tensor:
    """Encode by an equal model that has no cache."""
    twin = make_model(model[0].settings.replace(cache_size=0))
    twin.load_state_dict(model.state_dict())
    assert twin[0].cache is None
    return twin.encode(texts, convert_to_tensor=True)


# the map itself


def rows_of(*firsts: int) -> Tensor:
    return torch.tensor([[first, 7, 0] for first in firsts])


def vectors_of(*values: float) -> Tensor:
    return torch.tensor([[value, -value] for value in values])


@pytest.fixture
def owner() -> nn.Module:
    return nn.Linear(2, 2)


@pytest.fixture
def cache(owner: nn.Module) -> ChunkCache:
    return ChunkCache(2, owner)


def get(cache: ChunkCache, *keys: int) -> dict[int, float]:
    """Return what the cache holds of ``keys``, whose rows start with the key."""
    at, vectors, _ = cache.find(list(keys), rows_of(*keys))
    return {keys[i]: vector[0].item() for i, vector in zip(at.tolist(), vectors, strict=True)}


def put(cache: ChunkCache, *keys: int) -> None:
    store(cache, list(keys), rows_of(*keys), vectors_of(*map(float, keys)))


def store(cache: ChunkCache, keys: list[int], rows: Tensor, vectors: Tensor) -> None:
    cache.store(keys, rows, vectors, cache.find([], rows)[2])


def test_an_empty_cache_finds_nothing(cache: ChunkCache) -> None:
    assert get(cache, 1, 2) == {} and len(cache) == 0


def test_what_was_stored_is_found_in_any_order(cache: ChunkCache) -> None:
    put(cache, 1, 2)
    assert get(cache, 2, 3, 1) == {2: 2.0, 1: 1.0}


def test_the_least_recently_used_goes_first(cache: ChunkCache) -> None:
    put(cache, 1, 2)
    assert get(cache, 1) == {1: 1.0}  # 2 is now the older
    put(cache, 3)
    assert get(cache, 1, 2, 3) == {1: 1.0, 3: 3.0}
    assert len(cache) == 2


def test_more_than_it_holds_at_once(cache: ChunkCache) -> None:
    put(cache, 1, 2, 3, 4)
    assert len(cache) == 2
    assert len(get(cache, 1, 2, 3, 4)) == 2
    put(cache, 5, 6)
    assert get(cache, 1, 2, 3, 4, 5, 6) == {5: 5.0, 6: 6.0}


def test_storing_again_replaces(cache: ChunkCache) -> None:
    put(cache, 1, 2)
    store(cache, [1], rows_of(1), vectors_of(9.0))
    assert get(cache, 1, 2) == {1: 9.0, 2: 2.0} and len(cache) == 2


def test_a_hash_collision_is_a_miss(cache: ChunkCache) -> None:
    put(cache, 1)
    at, vectors, _ = cache.find([1], rows_of(8))  # same hash, other chunk
    assert len(at) == len(vectors) == 0
    store(cache, [1], rows_of(8), vectors_of(8.0))  # which then takes the slot
    assert len(cache.find([1], rows_of(1))[0]) == 0
    assert cache.find([1], rows_of(8))[1].tolist() == [[8.0, -8.0]]


def test_a_change_of_the_owners_weights_empties_it(cache: ChunkCache, owner: nn.Module) -> None:
    put(cache, 1)
    assert get(cache, 1)
    with torch.no_grad():
        owner.bias.add_(1)
    assert get(cache, 1) == {} and len(cache) == 0


def test_another_dtype_of_vectors_starts_anew(cache: ChunkCache) -> None:
    put(cache, 1)
    store(cache, [2], rows_of(2), vectors_of(2.0).half())
    assert get(cache, 1, 2) == {2: 2.0}


# in a model


def test_cached_equals_uncached(model: SentenceTransformer) -> None:
    expected = fresh(model, TEXTS)
    for _ in range(3):
        torch.testing.assert_close(model.encode(TEXTS, convert_to_tensor=True), expected, atol=1e-5, rtol=0)
    some = ["a new word on the mat", *TEXTS[::-1]]  # part known, part new
    torch.testing.assert_close(model.encode(some, convert_to_tensor=True), fresh(model, some), atol=1e-5, rtol=0)


def test_a_known_chunk_is_not_encoded_again(
    model: SentenceTransformer, counted: Callable[[SentenceTransformer], list[int]]
) -> None:
    calls = counted(model)
    model.encode(["the cat the cat"])
    assert calls == [4]  # two marks, two words
    model.encode(["cat the"])
    assert calls == [4]
    model.encode(["the dog"])
    assert calls == [4, 1]


def test_memory_is_bounded() -> None:
    model = make_model(TOY.replace(cache_size=16))
    texts = [" ".join(words(20, seed)) for seed in range(20)]
    expected = fresh(model, texts)
    torch.testing.assert_close(model.encode(texts, convert_to_tensor=True), expected, atol=1e-5, rtol=0)
    assert len(model[0].cache) == 16
    torch.testing.assert_close(model.encode(texts[:3], convert_to_tensor=True), expected[:3], atol=1e-5, rtol=0)


def test_equal_hashes_give_no_wrong_vector(model: SentenceTransformer, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = fresh(model, TEXTS)
    monkeypatch.setattr("tiered_st.modules.chunk_source.hash_rows", lambda rows: rows.new_ones(len(rows)))
    for _ in range(2):
        torch.testing.assert_close(model.encode(TEXTS, convert_to_tensor=True), expected, atol=1e-5, rtol=0)
    for text in ("cat", "dog", "cat"):  # alone: every chunk of a text still collides with every other
        torch.testing.assert_close(
            model.encode([text], convert_to_tensor=True), fresh(model, [text]), atol=1e-5, rtol=0
        )


# dropped when weights change


def in_place(model: SentenceTransformer) -> None:
    with torch.no_grad():
        model[0].char_encoder.embedding.weight.add_(torch.randn_like(model[0].char_encoder.embedding.weight))


def load_state_dict(model: SentenceTransformer) -> None:
    model.load_state_dict({k: v + 0.1 * torch.randn_like(v) for k, v in model.state_dict().items()})


def load_state_dict_assign(model: SentenceTransformer) -> None:
    model.load_state_dict({k: v + 0.1 * torch.randn_like(v) for k, v in model.state_dict().items()}, assign=True)


def replace_parameter(model: SentenceTransformer) -> None:
    model[0].chunk_projector.norm.weight = nn.Parameter(torch.randn(TOY.d_sem))


def data_attribute(model: SentenceTransformer) -> None:
    weight = model[0].char_encoder.embedding.weight
    weight.data = torch.randn_like(weight)


def step(model: SentenceTransformer, *, fused: bool) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=fused)
    vectors = model(model.preprocess(["the cat sat"]))["sentence_embedding"]
    vectors[:, 0].sum().backward()
    optimizer.step()


def training_step(model: SentenceTransformer) -> None:
    model.train()
    step(model, fused=True)
    model.eval()


def training_step_in_inference_mode(model: SentenceTransformer) -> None:
    step(model, fused=False)


def fused_step_in_inference_mode(model: SentenceTransformer) -> None:
    step(model, fused=True)


@pytest.mark.parametrize(
    "change",
    [
        in_place,
        load_state_dict,
        data_attribute,
        training_step,
        training_step_in_inference_mode,
        load_state_dict_assign,
        replace_parameter,
        fused_step_in_inference_mode,
    ],
)
def test_dropped_when_weights_change(model: SentenceTransformer, change: Callable[[SentenceTransformer], None]) -> None:
    before = model.encode(TEXTS, convert_to_tensor=True)
    torch.manual_seed(1)
    change(model)
    after = model.encode(TEXTS, convert_to_tensor=True)
    torch.testing.assert_close(after, fresh(model, TEXTS), atol=1e-5, rtol=0)
    assert not torch.allclose(before, after, atol=1e-3)


def test_a_step_that_changes_few_weights_is_noticed_without_train() -> None:
    """A fused optimizer touches no version counter, and of the n-grams' table only the rows that a batch met."""
    model = make_model(TOY.replace(ngram_buckets=20_000))
    model.encode(TEXTS)
    table = model[0].char_encoder.ngrams.table.weight
    model(model.preprocess(["cat mat"]))["sentence_embedding"].square().sum().backward()
    table.data[table.grad.abs().sum(dim=1) > 0] *= -3.0
    torch.testing.assert_close(model.encode(TEXTS, convert_to_tensor=True), fresh(model, TEXTS), atol=1e-5, rtol=0)


def test_moving_to_where_it_is_keeps_it(model: SentenceTransformer) -> None:
    """Some versions of sentence-transformers move the model at every call of encode."""
    model.encode(TEXTS)
    kept = len(model[0].cache)
    model.to("cpu").float()
    assert len(model[0].cache) == kept > 0


@pytest.mark.parametrize(
    "move",
    [
        lambda model: model.half(),
        lambda model: model.double(),
        lambda model: model.to(torch.bfloat16),
        pytest.param(
            lambda model: model.to("cuda"),
            marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
        ),
    ],
    ids=["half", "double", "bfloat16", "cuda"],
)
def test_dropped_when_moved_or_cast(model: SentenceTransformer, move: Callable[[SentenceTransformer], object]) -> None:
    before = model.encode(TEXTS, convert_to_tensor=True)
    move(model)
    assert len(model[0].cache) == 0
    moved = model.encode(TEXTS, convert_to_tensor=True)
    assert torch.cosine_similarity(moved.float().cpu(), before).min() > 0.99
    model.float().to("cpu")
    after = model.encode(TEXTS, convert_to_tensor=True)
    torch.testing.assert_close(after, fresh(model, TEXTS), atol=1e-5, rtol=0)


def test_training_neither_reads_nor_fills_it(model: SentenceTransformer) -> None:
    model.encode(TEXTS)
    assert len(model[0].cache) > 0
    model.train()
    assert len(model[0].cache) == 0
    model(model.preprocess(TEXTS))
    assert len(model[0].cache) == 0


def test_a_frozen_e1_keeps_it_while_e2_trains(
    model: SentenceTransformer, counted: Callable[[SentenceTransformer], list[int]]
) -> None:
    model[0].requires_grad_(False)
    expected = model(model.preprocess(TEXTS))["chunk_embeddings"]
    calls = counted(model)
    model.train()
    features = model(model.preprocess(TEXTS))
    assert calls == [] and model[0].frozen
    torch.testing.assert_close(features["chunk_embeddings"], expected, atol=1e-5, rtol=0)
    features["sentence_embedding"][:, 0].sum().backward()
    assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in model[1].parameters())
    assert all(weight.grad is None for weight in model[0].parameters())


def test_gradients_are_never_taken_from_it(model: SentenceTransformer) -> None:
    model.encode(TEXTS)
    model(model.preprocess(TEXTS))["sentence_embedding"][:, 0].sum().backward()
    assert model[0].char_encoder.embedding.weight.grad.abs().sum() > 0


def test_encode_and_forward_without_gradients_share_it(model: SentenceTransformer) -> None:
    expected = model.encode(["the cat", "a dog"], convert_to_tensor=True)
    with torch.no_grad():
        features = model(model.preprocess(["the cat", "a dog", "something new"]))
    torch.testing.assert_close(features["sentence_embedding"][:2], expected.clone(), atol=1e-5, rtol=0)
    torch.testing.assert_close(model.encode(["the cat", "a dog"], convert_to_tensor=True), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["deepcopy", "pickle"]
)
def test_copies_have_a_cache_of_their_own(
    model: SentenceTransformer, duplicate: Callable[[SentenceTransformer], SentenceTransformer]
) -> None:
    expected = model.encode(TEXTS, convert_to_tensor=True)
    twin = duplicate(model)
    assert len(twin[0].cache) == 0 and len(model[0].cache) > 0
    torch.testing.assert_close(twin.encode(TEXTS, convert_to_tensor=True), expected, atol=1e-5, rtol=0)
    in_place(twin)
    torch.testing.assert_close(twin.encode(TEXTS, convert_to_tensor=True), fresh(twin, TEXTS), atol=1e-5, rtol=0)
    torch.testing.assert_close(model.encode(TEXTS, convert_to_tensor=True), expected, atol=1e-5, rtol=0)


def test_dropped_when_a_table_whose_first_row_is_padding_is_scaled_through_data(model: SentenceTransformer) -> None:
    model.encode(TEXTS)
    ngrams = model[0].char_encoder.ngrams
    assert ngrams is not None and not ngrams.table.weight[0].any()
    ngrams.table.weight.data *= 2
    torch.testing.assert_close(model.encode(TEXTS, convert_to_tensor=True), fresh(model, TEXTS))
