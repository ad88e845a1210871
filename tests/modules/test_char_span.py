"""How far a character sees: chunk by chunk, whatever the padding and the company."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from conftest import TOY, make_model
from sentence_transformers import SentenceTransformer
from torch import Tensor

from tiered_st.config import CHOICES
from tiered_st.modules.char_span import SPANS

TEXTS = ["the cat sat on the mat", "", "a", "😂 \ud800 internationalisation", "the the"]
CONFIGS = {
    "chunk": TOY,
    "chunk-alibi": TOY.replace(char_positions="alibi"),
    "chunk-convolution": TOY.replace(char_mixer="convolution"),
    "text": TOY.replace(char_span="text"),
    "text-alibi": TOY.replace(char_span="text", char_positions="alibi"),
    "text-convolution": TOY.replace(char_span="text", char_mixer="convolution", char_layers=2),
    "causal": TOY.replace(char_span="causal"),
    "causal-alibi": TOY.replace(char_span="causal", char_positions="alibi"),
}
CONFIGS["causal-peek"] = CONFIGS["causal"].replace(peek=True)
MODELS = {name: make_model(config) for name, config in CONFIGS.items()}


@pytest.fixture(params=CONFIGS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def vectors_of(model: SentenceTransformer, texts: list[str]) -> Tensor:
    """Return chunk vectors (texts, chunks, d_sem), computed afresh."""
    with torch.enable_grad():  # so that no cache has a say
        return model[0](model.preprocess(texts))["chunk_embeddings"].detach()


def test_every_choice_is_there() -> None:
    assert tuple(SPANS) == CHOICES["char_span"]


def test_which_neighbours_count(name: str) -> None:
    """Change the third of five chunks and see which of the seven vectors, marks included, move."""
    model = MODELS[name]
    changed = vectors_of(model, ["aa bb cc dd ee", "aa bb xy dd ee"])
    moved = ((changed[0] - changed[1]).abs().amax(dim=-1) > 1e-6).tolist()
    span = CONFIGS[name].char_span
    if name == "text-convolution":  # two layers, each of two places on either side, reach over the marks to the next
        assert moved == [False, False, True, True, True, False, False]
    else:
        left, right = span == "text", span in ("text", "causal")
        assert moved == [left] * 3 + [True] + [right] * 3


def test_a_chunk_that_is_repeated_has_one_vector_only_where_it_stands_alone(name: str) -> None:
    the = vectors_of(MODELS[name], ["the cat sees the dog"])[0, [1, 4]]
    assert torch.allclose(the[0], the[1], atol=1e-6) == name.startswith("chunk")


def test_company_and_padding_do_not_count(name: str) -> None:
    model = MODELS[name]
    together = vectors_of(model, TEXTS)
    for i, text in enumerate(TEXTS):
        alone = vectors_of(model, [text])[0]
        torch.testing.assert_close(together[i, : len(alone)], alone, atol=1e-5, rtol=0)
        assert not together[i, len(alone) :].any()
    assert torch.isfinite(together).all()


def test_rows_without_texts_stand_alone(name: str) -> None:
    model = MODELS[name]
    rows = model.preprocess(["the cat", "the dog"])["input_ids"][:, 1:3].flatten(0, 1)  # the, cat, the, dog
    states, mask = model[0].char_encoder(rows)
    torch.testing.assert_close(states[0][mask[0]], states[2][mask[2]])
    apart, _ = model[0].char_encoder(rows, torch.arange(4))
    torch.testing.assert_close(apart[mask], states[mask])


@pytest.mark.parametrize("span", ["text", "causal"])
def test_texts_are_told_apart_by_their_ids_whatever_these_are(span: str) -> None:
    model = MODELS[span]
    rows = model.preprocess(["the cat", "the dog"])["input_ids"].flatten(0, 1)
    encoder = model[0].char_encoder
    states, mask = encoder(rows, torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]))
    other, _ = encoder(rows, torch.tensor([3, 3, 3, 3, 90, 90, 90, 90]))  # texts of no chunks between
    assert torch.equal(states, other)
    joined, _ = encoder(rows, torch.zeros(8, dtype=torch.int64))
    assert not torch.allclose(joined[4:][mask[4:]], states[4:][mask[4:]], atol=1e-4)


def test_causal_to_the_character_without_ngrams() -> None:
    encoder = make_model(TOY.replace(char_span="causal", ngram_buckets=0))[0].char_encoder
    rows = MODELS["causal"].preprocess(["abcde fg", "abxde fg"])["input_ids"][:, 1:3]  # (texts, 2, chars)
    (left, mask), (right, _) = (encoder(text, torch.zeros(2, dtype=torch.int64)) for text in rows)
    moved = ((left - right).abs().amax(dim=-1) > 1e-6)[mask]
    assert moved.tolist() == [False] * 3 + [True] * 8  # START a b | c d e END START f g END


def test_only_the_chunk_span_shares_and_caches(
    name: str, monkeypatch: pytest.MonkeyPatch, counted: Callable[[SentenceTransformer], list[int]]
) -> None:
    model = MODELS[name]
    calls = counted(model)
    model.encode(["zwei zwei zwei"])
    model.encode(["zwei zwei zwei"])
    local = name.startswith("chunk")
    assert model[0].char_encoder.span.chunk_local == local
    assert (calls != []) == local and (len(model[0].cache) > 0) == local


def test_an_empty_batch_is_encoded(name: str) -> None:
    tiers = MODELS[name][0]
    assert tiers(tiers.preprocess([]))["chunk_embeddings"].shape == (0, 2, TOY.d_sem)


@pytest.mark.parametrize("name", ["text", "text-convolution", "causal-alibi", "causal-peek"])
def test_gradients_are_finite_and_cross_chunks(name: str) -> None:
    model = make_model(CONFIGS[name])
    tiers = model[0]
    features = tiers.preprocess(["q z", "a longer text than the other"])
    tiers(features)["chunk_embeddings"][0, 2].square().sum().backward()  # that of z
    grads = [p.grad for p in tiers.parameters() if p.grad is not None]
    assert all(torch.isfinite(grad).all() for grad in grads)
    q = int(features["input_ids"][0, 1, 1])
    assert tiers.char_encoder.embedding.weight.grad[q].abs().sum() > 0
