from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TOY, make_model
from safetensors.numpy import load_file
from sentence_transformers import SentenceTransformer
from test_variants import SETTINGS

from tiered_st import load
from tiered_st.config import TieredConfig
from tiered_st.runtime.chunks import ChunkVectors

TEXTS = [
    "The cat sat on the mat.", "", "a", "hel lo wolrd, don't", "漢字かな กขค 😂👍🏽 \ud83d", "x" * 90, "MiXeD 12 ab12 — é",
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


@pytest.mark.parametrize("name", ["en-small", "en-mini", "en-nano"])
def test_shipped_models_give_their_vectors(name: str) -> None:
    folder = Path(__file__).parents[2] / "tiered_st" / "pretrained" / name
    model = load(name, device="cpu")
    ids, expected = vectors_of(model, [*TEXTS, "teh quikc brwon fox jmups ovre the lzay dog, 3.5 %"])
    settings = TieredConfig.from_dict(json.loads((folder / "config.json").read_text())["config"])
    vectors = ChunkVectors(settings, load_file(folder / "model.safetensors"), threads=1).fill(ids)
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)
