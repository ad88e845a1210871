from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TOY, make_model
from runtime_tools import cosines
from safetensors.numpy import load_file
from sentence_transformers import SentenceTransformer
from test_variants import SETTINGS

from tiered_st import load, pretrained, quantize_char_encoder, set_storage, tabulate
from tiered_st.config import TieredConfig
from tiered_st.runtime.chunks import ChunkVectors

TEXTS = [
    "The cat sat on the mat.", "", "a", "hel lo wolrd, don't", "漢字かな กขค 😂👍🏽 \ud83d", "x" * 90,
    "MiXeD 12 ab12 — é",
]  # fmt: skip
E1 = {
    **SETTINGS,
    "shipped": {
        "char_layers": 0, "ngram_width": 8, "memory_slots": 50, "memory_width": 24, "memory_values": 8,
    },
    "alibi over texts": {"char_positions": "alibi", "char_span": "text"},
    "causal without positions": {"char_positions": "none", "char_span": "causal", "char_layers": 2},
    "peek over texts": {"peek": True, "char_span": "text"},
}  # fmt: skip


def without_torch(model: SentenceTransformer, folder: Path, cache_size: int | None = None) -> ChunkVectors:
    """Save a model and read its first module's file."""
    model.save(str(folder))
    content = json.loads((folder / "config.json").read_text())
    return ChunkVectors(
        TieredConfig.from_dict(content["config"]),
        load_file(folder / "model.safetensors"),
        encoder=content.get("encoder", "float"),
        table=content.get("table"),
        cache_size=cache_size,
        threads=1,
    )


def vectors_of(model: SentenceTransformer, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids of texts and what torch makes of them."""
    ids = model[0].preprocess(texts)["input_ids"]
    with torch.inference_mode():
        return ids.numpy(), model[0].source.fill(ids).float().numpy()


@pytest.mark.parametrize("name", E1)
def test_vectors_are_those_of_torch(name: str, tmp_path: Path) -> None:
    model = make_model(TOY.replace(**E1[name]))
    ids, expected = vectors_of(model, TEXTS)
    vectors = without_torch(model, tmp_path)
    for _ in range(2):  # without the cache, and with it
        np.testing.assert_allclose(vectors.fill(ids), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", pretrained())
def test_shipped_models_give_their_vectors(name: str) -> None:
    folder = Path(__file__).parents[2] / "tiered_st" / "pretrained" / name
    model = load(name, device="cpu")
    ids, expected = vectors_of(model, [*TEXTS, "teh quikc brwon fox jmups ovre the lzay dog, 3.5 %"])
    content = json.loads((folder / "config.json").read_text())
    settings, weights = TieredConfig.from_dict(content["config"]), load_file(folder / "model.safetensors")
    own = {name: content[name] for name in ("lexicon", "spelling", "spelling_context")}
    vectors = ChunkVectors(settings, weights, **own, threads=1).fill(ids)
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)
    in_integers = ChunkVectors(settings, weights, **own, threads=1, precision="int8").fill(ids)
    at = ids[..., 0] > 0
    assert cosines(in_integers[at], expected[at]).min() > 0.9995


@pytest.mark.parametrize("storage", ["float16", "int8"])
def test_weights_are_read_as_they_are_stored(storage: str, tmp_path: Path) -> None:
    model = make_model(TOY.replace(**E1["shipped"]))
    set_storage(model, storage)
    model.save(str(tmp_path / "rounded"))
    ids, expected = vectors_of(load(tmp_path / "rounded", device="cpu"), TEXTS)
    vectors = without_torch(load(tmp_path / "rounded", device="cpu"), tmp_path / "again")
    np.testing.assert_allclose(vectors.fill(ids), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["shipped", "memory", "projector_pooling=attention", "char_mixer=convolution"])
def test_an_int8_encoder_gives_its_vectors(name: str, tmp_path: Path) -> None:
    model = quantize_char_encoder(make_model(TOY.replace(**E1[name])))
    ids, expected = vectors_of(model, TEXTS)
    np.testing.assert_allclose(without_torch(model, tmp_path).fill(ids), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("storage", ["float32", "float16", "int8"])
@pytest.mark.parametrize("keep_encoder", [True, False])
def test_a_table_gives_its_vectors(storage: str, keep_encoder: bool, tmp_path: Path) -> None:
    model = tabulate(make_model(), TEXTS[:4], storage=storage, keep_encoder=keep_encoder)
    ids, expected = vectors_of(model, TEXTS)
    np.testing.assert_allclose(without_torch(model, tmp_path).fill(ids), expected, rtol=0, atol=1e-5)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    model = make_model()
    model.save(str(tmp_path))
    tensors = load_file(tmp_path / "model.safetensors")
    name = "chunk_projector.linear.bias"
    with pytest.raises(ValueError, match=f"lack {name}"):
        ChunkVectors(TOY, {key: value for key, value in tensors.items() if key != name})
    with pytest.raises(ValueError, match=r"linear.bias has the shape \(3,\) where config.json says \(32,\)"):
        ChunkVectors(TOY, tensors | {name: np.zeros(3, dtype=np.float32)})
    with pytest.raises(ValueError, match="unknown more"):
        ChunkVectors(TOY, tensors | {"more": np.zeros(3, dtype=np.float32)})
    with pytest.raises(ValueError, match="encoder='int4' is not one of"):
        ChunkVectors(TOY, tensors, encoder="int4")
    with pytest.raises(ValueError, match="no table"):
        ChunkVectors(TOY, {}, encoder="none")
