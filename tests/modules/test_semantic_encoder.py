"""E2: contextual vectors from chunk vectors, by our own body or one of Hugging Face's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import BERT_BODY, TOY

from tiered_st.config import TieredConfig
from tiered_st.modules import SemanticEncoder, semantic_encoder
from tiered_st.modules.semantic_encoder import of_like_length
from tiered_st.modules.text_edges import exclude_text_edges

BODIES = {"own": TOY, "bert": TOY.replace(body=BERT_BODY)}


@pytest.fixture(params=BODIES)
def config(request: pytest.FixtureRequest) -> TieredConfig:
    return BODIES[request.param]


@pytest.fixture
def encoder(config: TieredConfig) -> SemanticEncoder:
    torch.manual_seed(0)
    return SemanticEncoder(config).eval()


def features_of(chunks: int = 5, pad: int = 0) -> dict[str, torch.Tensor]:
    vectors = torch.randn(2, chunks, TOY.d_sem, generator=torch.Generator().manual_seed(1))
    vectors = torch.cat([vectors, torch.full((2, pad, TOY.d_sem), 7.0)], dim=1)
    mask = torch.tensor([[1] * chunks + [0] * pad] * 2)
    return {"chunk_embeddings": vectors, "token_embeddings": vectors, "attention_mask": mask}


def test_contextual_vectors_replace_and_chunk_vectors_stay(encoder: SemanticEncoder) -> None:
    features = features_of()
    before = features["chunk_embeddings"].clone()
    out = encoder(features)
    assert out is features
    assert torch.equal(out["chunk_embeddings"], before)
    assert out["token_embeddings"].shape == (2, 5, TOY.d_sem)
    assert not torch.allclose(out["token_embeddings"], before)


def test_forward_twice_on_one_dict_is_the_same(encoder: SemanticEncoder) -> None:
    features = features_of()
    first = encoder(features)["token_embeddings"].clone()
    assert torch.equal(encoder(features)["token_embeddings"], first)


def test_what_the_mask_hides_does_not_count(encoder: SemanticEncoder) -> None:
    plain = encoder(features_of())["token_embeddings"]
    padded = encoder(features_of(pad=3))["token_embeddings"]
    torch.testing.assert_close(padded[:, :5], plain, atol=1e-5, rtol=1e-5)


def test_texts_of_like_length_go_together() -> None:
    assert of_like_length([3, 9, 3, 8, 2], least=16) == [[1, 3], [0, 2, 4]]
    assert of_like_length([5, 4, 5], least=1) == [[0, 2], [1]]
    assert of_like_length([0, 0], least=9) == [[0, 1]] and of_like_length([]) == []


def test_texts_read_by_length_come_out_in_their_order(
    encoder: SemanticEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = torch.randn(6, 9, TOY.d_sem, generator=torch.Generator().manual_seed(1))
    mask = (torch.arange(9) < torch.tensor([[3], [9], [1], [0], [8], [3]])).long()
    features = {"chunk_embeddings": vectors, "token_embeddings": vectors, "attention_mask": mask}
    together = encoder(dict(features))["token_embeddings"][mask.bool()]
    monkeypatch.setattr(semantic_encoder, "of_like_length", lambda lengths: of_like_length(lengths, least=9))
    apart = encoder(dict(features))["token_embeddings"]
    assert apart.shape == vectors.shape
    torch.testing.assert_close(apart[mask.bool()], together)


def test_the_order_of_chunks_counts(encoder: SemanticEncoder) -> None:
    features = features_of()
    flipped = {**features, "chunk_embeddings": features["chunk_embeddings"].flip(1)}
    forth, back = encoder(features)["token_embeddings"], encoder(flipped)["token_embeddings"]
    assert not torch.allclose(forth, back.flip(1), atol=1e-3)


def test_context_reaches_the_first_chunk(encoder: SemanticEncoder) -> None:
    features = features_of()
    other = features["chunk_embeddings"].clone()
    other[:, -1] = -3 * other[:, -1].flip(-1)
    changed = encoder({**features, "chunk_embeddings": other})["token_embeddings"]
    assert not torch.allclose(changed[:, 0], encoder(features)["token_embeddings"][:, 0], atol=1e-4)


def test_dropout_works_in_training_only() -> None:
    encoder = SemanticEncoder(TOY.replace(dropout=0.5))
    first, second = (encoder.train()(features_of())["token_embeddings"] for _ in range(2))
    assert not torch.allclose(first, second)
    first, second = (encoder.eval()(features_of())["token_embeddings"] for _ in range(2))
    assert torch.equal(first, second)


def test_the_vocabulary_of_a_body_is_not_kept() -> None:
    encoder = SemanticEncoder(BODIES["bert"])
    assert all(BERT_BODY["vocab_size"] not in parameter.shape for parameter in encoder.parameters())
    assert not any("pooler" in name for name, _ in encoder.named_parameters())


def test_reloads_equal(encoder: SemanticEncoder, tmp_path: Path) -> None:
    encoder.save(str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors"}
    again = SemanticEncoder.load(str(tmp_path)).eval()
    assert again.settings == encoder.settings and again.get_embedding_dimension() == TOY.d_sem
    assert torch.equal(again(features_of())["token_embeddings"], encoder(features_of())["token_embeddings"])


def test_edges_that_are_not_pooled_take_the_mean_of_what_lies_between() -> None:
    states = torch.tensor([[[9.0], [1.0], [3.0], [7.0], [5.0]], [[4.0], [8.0], [0.0], [0.0], [0.0]]])
    mask = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]])
    changed = exclude_text_edges(states, mask)
    assert changed[0, :, 0].tolist() == [2.0, 1.0, 3.0, 2.0, 5.0]  # edges 9 and 7 became the mean of 1 and 3
    assert torch.equal(changed[1], states[1])  # an empty text keeps its edges: there is nothing else
    assert states[0, 0, 0] == 9.0


def test_inference_is_set_wherever_a_part_still_learns() -> None:
    encoder = SemanticEncoder(TOY).eval()
    part = encoder.body.layers[1].ffn_in
    part.train()
    assert not encoder.eval().training and not part.training
    assert encoder.train() is encoder and part.training
