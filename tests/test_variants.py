"""Every choice that TieredConfig offers, and every form of deployment, in a whole model: saved here, read elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import BERT_BODY, TOY, make_model
from sentence_transformers import SentenceTransformer

import tiered_st
from tiered_st.config import CHOICES, TieredConfig

TEXTS = [
    "The cat sat on the mat.", "", "a", "hel lo wolrd, don't", "漢字かな กขค 😂👍🏽 \ud83d", "long " * 200,
    "¿Está el nº 5 a 3,50 € mañana? #BuenosDías",
]  # fmt: skip

# What a choice asks for besides itself.
_WITH: dict[tuple[str, Any], dict[str, Any]] = {
    ("chunker", "windows"): {"window": 16, "stride": 12},
    ("chunker", "learned"): {"boundary_buckets": 64},
}
SETTINGS: dict[str, dict[str, Any]] = {
    f"{name}={choice}": {name: choice, **_WITH.get((name, choice), {})}
    for name, choices in CHOICES.items()
    for choice in choices
    if choice != getattr(TOY, name)
} | {
    "no n-grams": {"ngram_buckets": 0},
    "narrow n-grams": {"ngram_width": 8},
    "plain n-grams": {"leave_one_out": False},
    "no layers at all": {"char_layers": 0, "sem_layers": 0, "projector_hidden": 0},
    "memory": {"memory_slots": 50},
    "memory with values": {"memory_slots": 50, "memory_values": 8},
    "no types": {"type_embedding": False},
    "convolution over texts": {"char_mixer": "convolution", "char_span": "text"},
    "segments": {"segments": 2},
    "peek": {"peek": True},
    "bert": {"body": BERT_BODY},
    "bert that peeks": {"body": BERT_BODY, "peek": True, "segments": 2},
    "marks left out": {"pool_marks": False},
    "case kept": {"lowercase": False},
    "accents folded": {"fold_accents": True},
    "accents folded, ñ kept": {"fold_accents": True, "own_letters": "ñ"},
    "ordinals": {"ordinals": True},
    "words of numbers and hashtags": {"decimal_commas": True, "split_hashtags": True},
}  # fmt: skip
FORMS = ("int8 E1", "table before E1", "table instead of E1", "bfloat16")

_ELSEWHERE = """
import json, pathlib, sys, numpy, tiered_st
folder = pathlib.Path(sys.argv[1])
texts = json.loads((folder / "texts.json").read_text())
vectors = {}
for path in folder.glob("*/modules.json"):
    vectors[path.parent.name] = tiered_st.load(path.parent, device="cpu").encode(texts, convert_to_tensor=True).float()
numpy.savez(folder / "vectors.npz", **vectors)
"""


def made(name: str) -> SentenceTransformer:
    """Return the model of a row."""
    model = make_model(TOY.replace(**SETTINGS.get(name, {})))
    if name == "int8 E1":
        tiered_st.quantize_char_encoder(model)
    elif name.startswith("table"):
        tiered_st.tabulate(model, TEXTS[:3], keep_encoder=name == "table before E1")
    elif name == "bfloat16":
        model.to(torch.bfloat16)
    return model


@pytest.fixture(scope="module")
def models() -> dict[str, SentenceTransformer]:
    return {name: made(name) for name in (*SETTINGS, *FORMS)}


@pytest.fixture(scope="module")
def vectors(models: dict[str, SentenceTransformer]) -> dict[str, np.ndarray]:
    return {name: model.encode(TEXTS, convert_to_tensor=True).float().numpy() for name, model in models.items()}


@pytest.fixture(scope="module")
def elsewhere(
    models: dict[str, SentenceTransformer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, np.ndarray]]:
    """What one new process makes of every model, read from disk."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "texts.json").write_text(json.dumps(TEXTS))
    for number, model in enumerate(models.values()):
        model.save(str(folder / str(number)), create_model_card=False)
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", _ELSEWHERE, str(folder)], check=True, capture_output=True, cwd=root)
    stored = np.load(folder / "vectors.npz")
    yield {name: stored[str(number)] for number, name in enumerate(models)}


@pytest.mark.parametrize("name", [*SETTINGS, *FORMS])
def test_a_saved_model_gives_equal_embeddings_in_a_new_process(
    name: str, vectors: dict[str, np.ndarray], elsewhere: dict[str, np.ndarray]
) -> None:
    np.testing.assert_allclose(elsewhere[name], vectors[name], atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", [*SETTINGS, *FORMS])
def test_embeddings_are_unit_vectors_that_tell_texts_apart(name: str, vectors: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(np.linalg.norm(vectors[name], axis=1), 1.0, atol=5e-3)
    assert np.unique(vectors[name].round(6), axis=0).shape[0] == len(TEXTS)


def test_every_setting_makes_a_model_of_its_own(vectors: dict[str, np.ndarray]) -> None:
    """A switch that changes nothing is a switch that is not wired."""
    plain = make_model(TOY).encode(TEXTS)
    same = {name for name in SETTINGS if vectors[name].shape == plain.shape and np.allclose(vectors[name], plain)}
    # Without a text that NFC and NFKC tell apart, in segments of one part or behind a gate that starts shut, nothing
    # is to change.
    assert same <= {"normalization=NFC", "normalization=None", "segments", "peek"}


def test_the_table_covers_every_setting() -> None:
    """A new setting belongs here, unless it is a mere size."""
    sizes = {
        "window", "stride", "boundary_layers", "boundary_buckets", "chunk_chars", "max_chunks", "d_char", "char_heads",
        "memory_width",
        "char_ffn", "char_kernel", "ngram_sizes", "d_sem", "sem_heads", "sem_ffn", "dropout", "cache_size",
    }  # fmt: skip
    varied = {name for settings in SETTINGS.values() for name in settings}
    assert set(TieredConfig().to_dict()) <= varied | sizes
