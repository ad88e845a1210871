"""Encoders of Hugging Face as E2 without torch: each gives torch's states, and what none is written for is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import BERT_BODY, TOY, make_model, stir
from transformers import CONFIG_MAPPING

from tiered_st.config import TieredConfig
from tiered_st.modules import SemanticEncoder as TorchEncoder
from tiered_st.runtime import load
from tiered_st.runtime.semantic import SemanticEncoder
from tiered_st.runtime.semantic.body_kinds import KINDS
from tiered_st.runtime.semantic.relative_bias import bucket

SIZES = {key: value for key, value in BERT_BODY.items() if key not in ("model_type", "vocab_size")}
DISTILBERT = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}
ENCODERS: dict[str, dict[str, Any]] = {
    **{kind: {} for kind in KINDS}, "distilbert": DISTILBERT, "electra": {"embedding_size": 32},
}  # fmt: skip
MORE: dict[str, tuple[str, dict[str, Any]]] = {
    "a large padding id": ("roberta", {"pad_token_id": 40_000}),
    "another padding id": ("xlm-roberta", {"pad_token_id": 3}),
    "one type": ("roberta", {"type_vocab_size": 1, "layer_norm_eps": 1e-3}),
    "another activation": ("mpnet", {"hidden_act": "gelu_new"}),
    "distilbert's activation": ("distilbert", DISTILBERT | {"activation": "gelu_pytorch_tanh"}),
    "more buckets than used": ("mpnet", {"relative_attention_num_buckets": 40}),
}
CASES = {kind: (kind, settings) for kind, settings in ENCODERS.items()} | MORE


def config_of(kind: str, settings: dict[str, Any], *, places: int = 60) -> TieredConfig:
    body = CONFIG_MAPPING[kind](**(SIZES | {"vocab_size": 60_000, "max_position_embeddings": places + 4} | settings))
    drop = ("dtype", "architectures", "transformers_version", "_name_or_path")
    kept = {key: value for key, value in body.to_dict().items() if key not in drop}
    return TOY.replace(body=json.loads(json.dumps(kept)), max_chunks=places)


def both(config: TieredConfig, **options: Any) -> tuple[TorchEncoder, SemanticEncoder]:
    torch.manual_seed(0)
    encoder = TorchEncoder(config).eval()
    stir(encoder)
    with torch.no_grad():  # fresh embeddings and norms hardly move a state: give each weight a size that counts
        for weight in encoder.parameters():
            weight.add_(0.1 * torch.randn(weight.shape))
    tensors = {name: value.numpy() for name, value in encoder.state_dict().items()}
    return encoder, SemanticEncoder(config, tensors, threads=1, **options)


def states_of(
    encoder: TorchEncoder, runtime: SemanticEncoder, lengths: list[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    there = np.arange(max(lengths)) < np.array(lengths)[:, None]
    vectors = np.random.default_rng(0).normal(size=(*there.shape, 32)).astype(np.float32)
    features = {"chunk_embeddings": torch.from_numpy(vectors), "attention_mask": torch.from_numpy(there.astype(int))}
    with torch.no_grad():
        expected = encoder(features)["token_embeddings"].numpy()
    return runtime(vectors, np.array(lengths))[there], expected[there], there


@pytest.mark.parametrize("name", CASES)
def test_states_are_those_of_torch(name: str) -> None:
    encoder, runtime = both(config_of(*CASES[name]))
    for lengths in ([7, 5, 2], [60], [1]):
        found, expected, _ = states_of(encoder, runtime, lengths)
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("kind", ENCODERS)
def test_int8_states_are_close_to_them(kind: str) -> None:
    found, expected, _ = states_of(*both(config_of(kind, ENCODERS[kind]), precision="int8"), [9, 4])
    cosines = (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.999


def test_far_places_share_mpnets_last_buckets() -> None:
    encoder, runtime = both(config_of("mpnet", {}, places=300))
    found, expected, _ = states_of(encoder, runtime, [300, 200])
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
    from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

    distance = np.arange(-600, 601)
    theirs = MPNetEncoder.relative_position_bucket(torch.from_numpy(distance))
    np.testing.assert_array_equal(bucket(distance), theirs.numpy())


@pytest.mark.parametrize("body", [BERT_BODY, {"model_type": "roberta", **SIZES, "max_position_embeddings": 66}])
def test_what_a_configuration_leaves_out_is_transformers_default(body: dict[str, Any], tmp_path: Path) -> None:
    model = make_model(TOY.replace(body=body))
    model.save(str(tmp_path), create_model_card=False)
    texts = ["The cat sat on the mat.", "", "a b c"]
    np.testing.assert_allclose(load(tmp_path, threads=1).encode(texts), model.encode(texts), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model_type": "modernbert"}, "model_type='modernbert': the runtime runs bert, electra, roberta"),
        ({"hidden_act": "silu"}, "hidden_act='silu' is not one of gelu"),
        ({"is_decoder": True}, "body has is_decoder=True: the runtime runs is_decoder=False alone"),
        ({"position_embedding_type": "relative_key"}, "body has position_embedding_type='relative_key'"),
    ],
)
def test_what_no_graph_is_written_for_is_refused_by_name(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SemanticEncoder(TOY.replace(body=BERT_BODY | changes), {})
