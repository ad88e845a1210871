"""The shipped models: whole, small enough, what their card says, and able to do what they are for."""

import hashlib
import re
import zlib

import numpy as np
import pytest

import tiered_st
from tiered_st.model import DEFAULT_MODEL, PRETRAINED

SHIPPED = tiered_st.pretrained()


@pytest.fixture(scope="module")
def model():
    return tiered_st.load(device="cpu")


def test_the_default_model_ships():
    assert DEFAULT_MODEL in SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_weights_are_those_the_card_vouches_for(name):
    card = (PRETRAINED / name / "README.md").read_text(encoding="utf-8")
    files = sorted((PRETRAINED / name).rglob("*.safetensors"))
    assert files
    for file in files:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert digest in card, f"{file} is not the file whose figures the card states"


def test_shipped_models_stay_under_60_megabytes_in_the_wheel():
    packed = (len(zlib.compress(file.read_bytes())) for file in PRETRAINED.rglob("*") if file.is_file())
    assert sum(packed) <= 60e6


@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_states_data_licence_recipe_and_limits(name):
    card = (PRETRAINED / name / "README.md").read_text(encoding="utf-8")
    for heading in ("Data", "Recipe", "Figures", "Limits"):
        assert re.search(rf"^## {heading}", card, re.MULTILINE), heading
    assert "apache-2.0" in card.lower()


@pytest.mark.parametrize(
    ("clean", "noisy", "other"),
    [
        ("How do I get a refund?", "hwo do i gte a rfund", "Where is my parcel?"),
        ("A man is playing the guitar.", "A mna is playnig teh giutar.", "A woman is slicing onions."),
        ("delete a directory and everything inside it", "delte a directroy and evrything insde it", "sort a list"),
        ("The central bank raised interest rates", "THE CENTRAL BNAK RASIED INTREST RATES", "The team won the cup"),
        ("A modern city with tall buildings", "A rnodern c1ty with tall bui1dings", "An ancient forest"),
    ],
)
def test_a_misspelt_text_stays_next_to_itself(model, clean, noisy, other):
    a, b, c = model.encode([clean, noisy, other])
    assert a @ b > 0.6
    assert a @ b > a @ c + 0.3


def test_meaning_counts_not_only_spelling(model):
    a, paraphrase, lookalike = model.encode(
        ["The boy is sleeping.", "A kid takes a nap.", "The boat is sleeping berth."]
    )
    assert a @ paraphrase > a @ lookalike


def test_any_text_has_a_finite_unit_vector(model):
    texts = ["", "a", "\ud800", "😂" * 50, "\x00\x01", "你好世界", "สวัสดี", "x" * 5000, "word " * 3000]
    vectors = model.encode(texts)
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
