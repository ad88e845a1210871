"""Bodies of E2: encoders of Hugging Face of every make, what is refused, and gradient checkpointing."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from conftest import BERT_BODY, TOY, make_model
from sentence_transformers import SentenceTransformer
from torch import nn
from transformers import CONFIG_MAPPING, AutoModel

from tiered_st.config import TieredConfig
from tiered_st.model import build, load
from tiered_st.modules import SemanticEncoder

SIZES = {key: value for key, value in BERT_BODY.items() if key not in ("model_type", "vocab_size")}
ENCODERS: dict[str, dict[str, Any]] = {
    "bert": {},
    "roberta": {},
    "xlm-roberta": {},
    "camembert": {},
    "mpnet": {},
    "electra": {"embedding_size": 32},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "dropout": 0.0},
    "modernbert": {"global_attn_every_n_layers": 2},
    "deberta-v2": {},
}
OFFSET = {"roberta": 2, "xlm-roberta": 2, "camembert": 2, "mpnet": 2}  # positions that are never used


def settings_of(kind: str) -> dict[str, Any]:
    """Return a tiny encoder's configuration as a saved model would hold it, with the vocabulary of a real one."""
    config = CONFIG_MAPPING[kind](**(SIZES | ENCODERS[kind] | {"vocab_size": 60_000}))
    drop = ("dtype", "architectures", "transformers_version", "_name_or_path")
    return json.loads(json.dumps({key: value for key, value in config.to_dict().items() if key not in drop}))


def config_of(kind: str) -> TieredConfig:
    return TOY.replace(body=settings_of(kind), max_chunks=64 - OFFSET.get(kind, 0))


@pytest.mark.parametrize("kind", ENCODERS)
def test_an_encoder_reads_chunk_vectors(kind: str) -> None:
    torch.manual_seed(0)
    encoder = SemanticEncoder(config_of(kind)).eval()
    vectors = torch.randn(2, 7, 32)
    mask = torch.tensor([[1, 1, 1, 1, 1, 0, 0]] * 2)
    with torch.no_grad():
        plain = encoder({"chunk_embeddings": vectors[:, :5], "attention_mask": mask[:, :5]})["token_embeddings"]
        padded = encoder({"chunk_embeddings": vectors, "attention_mask": mask})["token_embeddings"]
        changed = vectors[:, :5].clone()
        changed[:, -1] = -3 * changed[:, -1].flip(-1)
        other = encoder({"chunk_embeddings": changed, "attention_mask": mask[:, :5]})["token_embeddings"]
        swapped = encoder({"chunk_embeddings": vectors[:, [1, 0, 2, 3, 4]], "attention_mask": mask[:, :5]})
    assert plain.shape == (2, 5, 32)
    torch.testing.assert_close(padded[:, :5], plain, atol=1e-5, rtol=1e-4)  # padding does not count
    assert not torch.allclose(other[:, 0], plain[:, 0], atol=1e-5)  # the first sees the last
    assert not torch.allclose(swapped["token_embeddings"][:, [1, 0]], plain[:, :2], atol=1e-5)  # order counts
    assert sum(parameter.numel() for parameter in encoder.parameters()) < 100_000  # no vocabulary


@pytest.mark.parametrize("kind", ENCODERS)
def test_the_longest_text_there_may_be(kind: str) -> None:
    model = make_model(config_of(kind))
    short = model.encode("cat")
    vectors = model.encode(["a b " * 100, "cat"])
    assert torch.tensor(vectors).isfinite().all()
    torch.testing.assert_close(torch.tensor(vectors[1]), torch.tensor(short), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", OFFSET)
def test_positions_begin_where_the_encoder_counts_from(kind: str) -> None:
    """The same weights give the same states as in the encoder with its vocabulary: no position is shifted."""
    encoder = SemanticEncoder(config_of(kind)).eval()
    theirs = AutoModel.from_config(CONFIG_MAPPING[kind](**settings_of(kind))).eval()
    state = {name: value for name, value in theirs.state_dict().items() if "word_embeddings" not in name}
    encoder.body.model.load_state_dict(state, strict=False)
    vectors, mask = torch.randn(2, 5, 32), torch.ones(2, 5, dtype=torch.int64)
    with torch.no_grad():
        own = encoder({"chunk_embeddings": vectors, "attention_mask": mask})["token_embeddings"]
        expected = theirs(inputs_embeds=vectors, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(own, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", OFFSET)
def test_positions_that_are_never_used_do_not_count(kind: str) -> None:
    with pytest.raises(ValueError, match=r"max_chunks=63 exceeds the 62 positions of the body: of max_position_embedd"):
        build(config_of(kind).replace(max_chunks=63), device="cpu")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"model_type": "gpt2", "n_embd": 32, "hidden_size": 32}, "'gpt2', which is no text encoder"),
        ({"model_type": "llama"}, "'llama', which is no text encoder"),
        ({"model_type": "vit"}, "'vit', which is no text encoder"),
        ({"model_type": "bart", "d_model": 32}, "'bart', an encoder with a decoder"),
        ({"model_type": "t5", "d_model": 32}, "'t5', (an encoder with a decoder|which is no text)"),
        ({"model_type": "bert", "is_decoder": True}, "'bert', which is no text encoder"),
        ({"model_type": "electra", "embedding_size": 16}, "reads vectors of width 16, but writes hidden_size=32"),
        ({"model_type": "albert", "embedding_size": 16}, "make embedding_size=32"),
    ],
)
def test_what_cannot_be_a_body_is_refused(body: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SemanticEncoder(TOY.replace(body=SIZES | body))


@pytest.mark.parametrize("kind", ["roberta", "distilbert"])
def test_a_model_on_another_encoder_reloads(kind: str, tmp_path: Any) -> None:
    model = make_model(config_of(kind))
    model.save(str(tmp_path), create_model_card=False)
    again = load(tmp_path, device="cpu")
    torch.testing.assert_close(torch.tensor(again.encode("the cat")), torch.tensor(model.encode("the cat")))


# gradient checkpointing

CHECKPOINTED = {
    "own": TOY.replace(dropout=0.0),
    "alibi": TOY.replace(dropout=0.0, sem_positions="alibi"),
    "bert": TOY.replace(body=BERT_BODY),
    "modernbert": config_of("modernbert"),
}


def gradients(model: SentenceTransformer) -> dict[str, torch.Tensor]:
    model.zero_grad()
    torch.manual_seed(3)
    model(model.preprocess(["the cat sat", "a dog"]))["sentence_embedding"][:, :5].sum().backward()
    return {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}


def layer_runs(model: SentenceTransformer) -> list[int]:
    """Return a list that grows by one whenever the first layer of E2 runs."""
    runs: list[int] = []
    linear = next(m for name, m in model[1].named_modules() if "layer" in name and isinstance(m, nn.Linear))
    linear.register_forward_hook(lambda *_: runs.append(1))
    return runs


@pytest.mark.parametrize("name", CHECKPOINTED)
def test_gradients_are_the_same_with_and_without_checkpointing(name: str) -> None:
    model = make_model(CHECKPOINTED[name]).train()
    expected = gradients(model)
    runs = layer_runs(model)
    model[1].gradient_checkpointing_enable()
    found = gradients(model)
    assert len(runs) == 2  # forth, and again on the way back
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, atol=1e-6, rtol=1e-4)
    model[1].gradient_checkpointing_disable()
    gradients(model)
    assert len(runs) == 3


def test_checkpointing_redraws_the_same_dropout() -> None:
    model = make_model(TOY.replace(dropout=0.5)).train()
    expected = gradients(model)
    model[1].gradient_checkpointing_enable()
    found = gradients(model)
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, atol=1e-6, rtol=1e-4)


def test_checkpointing_rests_in_inference() -> None:
    model = make_model(CHECKPOINTED["own"])
    model[1].gradient_checkpointing_enable()
    runs = layer_runs(model)
    gradients(model)
    assert len(runs) == 1


def test_the_stock_switch_reaches_our_body() -> None:
    """The trainer's gradient_checkpointing=True calls this method of the model, with these arguments."""
    model = make_model(CHECKPOINTED["own"]).train()
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=None, every_n_layers=2, offload=False)
    assert model[1].body.every == 2
    runs = layer_runs(model)
    gradients(model)
    assert len(runs) == 2
    with pytest.raises(ValueError, match="offload=True needs a Hugging Face body"):
        model[1].gradient_checkpointing_enable(offload=True)
