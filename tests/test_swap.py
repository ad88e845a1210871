"""One E1, several E2s."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import BERT_BODY, TOY, make_model
from sentence_transformers import SentenceTransformer

import tiered_st
from tiered_st.modules import SemanticEncoder

TEXTS = ["the cat sat on the mat", "teh cta", ""]
OTHERS = {
    "deeper": TOY.replace(sem_layers=3, pool_marks=False),
    "bert": TOY.replace(body=BERT_BODY, pooling="cls"),
    "learned": TOY.replace(sem_positions="learned", max_chunks=9, ngram_buckets=100),
}


def expected(model: SentenceTransformer, other: SentenceTransformer) -> np.ndarray:
    """Return what ``other``'s modules make of ``model``'s chunk vectors."""
    features = model.preprocess(TEXTS)
    with torch.no_grad():
        features = model[0](features)
        for module in list(other)[1:]:
            features = module(features)
    return features["sentence_embedding"].numpy()


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("way", ["model", "path", "encoder"])
def test_e1_stays_and_e2_changes(name: str, way: str, tmp_path: Path) -> None:
    model, other = make_model(), make_model(OTHERS[name], seed=1)
    before = {key: value.clone() for key, value in model[0].state_dict().items()}
    wanted = expected(model, other)
    assert not np.allclose(wanted, model.encode(TEXTS), atol=1e-3)
    other.save(str(tmp_path / "other"), create_model_card=False)
    given: dict[str, Any] = {"model": other, "path": tmp_path / "other", "encoder": other[1]}
    assert tiered_st.swap_semantic_encoder(model, given[way]) is model
    np.testing.assert_allclose(model.encode(TEXTS), wanted, atol=1e-6, rtol=0)
    assert all(torch.equal(value, before[key]) for key, value in model[0].state_dict().items())
    assert [child for child, _ in model.named_children()] == ["tiers", "semantic_encoder", "pooling", "normalize"]
    assert model.max_seq_length == min(TOY.max_chunks, OTHERS[name].max_chunks)
    model.save(str(tmp_path / "swapped"), create_model_card=False)
    again = tiered_st.load(tmp_path / "swapped", device="cpu")
    np.testing.assert_allclose(again.encode([*TEXTS, "a " * 99]), model.encode([*TEXTS, "a " * 99]), atol=1e-6, rtol=0)


def test_the_other_model_keeps_its_own() -> None:
    model, other = make_model(), make_model(OTHERS["deeper"], seed=1)
    vectors = other.encode(TEXTS)
    tiered_st.swap_semantic_encoder(model, other)
    assert model[1] is not other[1] and other[1].settings == OTHERS["deeper"]
    with torch.no_grad():
        for parameter in model[1].parameters():
            parameter.zero_()
    np.testing.assert_array_equal(other.encode(TEXTS), vectors)


def test_both_halves_know_the_whole_configuration() -> None:
    model = tiered_st.swap_semantic_encoder(make_model(TOY.replace(lowercase=False)), make_model(OTHERS["bert"]))
    assert model[0].settings == model[1].settings == OTHERS["bert"].replace(lowercase=False)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"d_sem": 64}, "d_sem=32, the other E2 has d_sem=64"),
        ({"segments": 2}, "segments=0, the other E2 has segments=2"),
        ({"peek": True}, "peek=False, the other E2 has peek=True"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(changes: dict[str, Any], says: str) -> None:
    model = make_model()
    encoder = model[1]
    with pytest.raises(ValueError, match=says):
        tiered_st.swap_semantic_encoder(model, make_model(TOY.replace(**changes))[1])
    assert model[1] is encoder and model[0].settings == TOY


def test_a_peeking_e2_needs_characters_of_its_width() -> None:
    model = make_model(TOY.replace(peek=True))
    with pytest.raises(ValueError, match="d_char=32, the other E2 has d_char=64"):
        tiered_st.swap_semantic_encoder(model, SemanticEncoder(TOY.replace(peek=True, d_char=64)))


def test_what_is_no_tiered_model_is_refused() -> None:
    model = make_model()
    plain = SentenceTransformer(modules=[model[2]], device="cpu")
    with pytest.raises(ValueError, match="model opens with a Pooling"):
        tiered_st.swap_semantic_encoder(plain, model)
    with pytest.raises(ValueError, match="without a SemanticEncoder"):
        tiered_st.swap_semantic_encoder(model, plain)
