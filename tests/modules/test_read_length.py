"""How much is read of a text, which of it is pooled, and what is said of the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import BERT_BODY, TOY, make_model
from sentence_transformers import SentenceTransformer
from torch import nn

import tiered_st
from tiered_st.model import load

TEXTS = ["the cat sat on the mat", "Teh CAT, sat!", "", "a b c d e f g h i j k l m n o p q r s t u v"]
LOADERS: dict[str, Callable[[Path], SentenceTransformer]] = {
    "load": lambda folder: load(folder, device="cpu"),
    "SentenceTransformer": lambda folder: SentenceTransformer(str(folder), trust_remote_code=True, device="cpu"),
}


# how much is read


@pytest.mark.parametrize("value", [65, 2, 0, -1, 9.0, True, "9"])
def test_a_length_that_the_model_cannot_read_is_refused_at_once(value: Any, model: SentenceTransformer) -> None:
    with pytest.raises(ValueError, match=r"max_seq_length=.* must be a whole number from 3 to 64"):
        model.max_seq_length = value
    assert model.max_seq_length == 64
    model.max_seq_length = 9
    model.max_seq_length = None  # type: ignore[assignment]  # what the model can read
    assert model.max_seq_length == 64


def test_a_default_length_lies_in_the_files(tmp_path: Path) -> None:
    model = make_model()
    model.save(str(tmp_path / "m"), create_model_card=False)
    path = tmp_path / "m" / "config.json"
    content = json.loads(path.read_text())
    assert "max_seq_length" not in content
    path.write_text(json.dumps(content | {"max_seq_length": 9}))
    model.max_seq_length = 9
    for loader in LOADERS.values():
        again = loader(tmp_path / "m")
        assert again.max_seq_length == 9
        np.testing.assert_allclose(again.encode(TEXTS), model.encode(TEXTS), atol=1e-6, rtol=0)
    path.write_text(json.dumps(content | {"max_seq_length": 65}))
    with pytest.raises(ValueError, match="max_seq_length=65"):
        load(tmp_path / "m")


def test_more_than_a_body_reads_is_refused_in_words() -> None:
    model = make_model(TOY.replace(body=BERT_BODY))
    with pytest.raises(ValueError, match=r"A text has 102 chunks, but this model reads 64 at most"):
        model.encode("a " * 100, max_length=200)


def test_a_long_text_is_told_of_encode_long_once(model: SentenceTransformer, caplog: pytest.LogCaptureFixture) -> None:
    """An index, which embeds by the same `encode`, tells it too."""
    pytest.importorskip("faiss")
    model.max_seq_length = 9
    tiered_st.FaissIndex.build(model, [TEXTS[-1], TEXTS[-1] * 2])
    (record,) = caplog.records
    assert "longer than the 9 chunks that this model reads at once" in record.getMessage()
    assert "tiered_st.encode_long(model, texts)" in record.getMessage() and "up to 64" in record.getMessage()


def test_encode_long_reads_as_far_as_the_model_does_well() -> None:
    model = make_model()
    model.max_seq_length = 30
    (found,) = tiered_st.encode_long(model, ["word " * 100])
    assert max(len(passage.text.split()) for passage in found.passages) == 28
    (wider,) = tiered_st.encode_long(model, ["word " * 100], chunks=50)  # if it is asked to, up to max_chunks
    assert max(len(passage.text.split()) for passage in wider.passages) == 50
    model.max_seq_length = None  # type: ignore[assignment]
    expected = model.encode([passage.text for passage in wider.passages])
    np.testing.assert_allclose(wider.embeddings, expected, atol=1e-6, rtol=0)


# what is pooled


@pytest.mark.parametrize("pool_marks", [True, False])
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("text", ["the cat sat", "!", ""])
def test_a_prompt_is_pooled_or_not_as_set(pool_marks: bool, include: bool, text: str) -> None:
    model = make_model(TOY.replace(pool_marks=pool_marks))
    model.set_pooling_include_prompt(include)
    features = model.preprocess(["a longer text for company", text], prompt="find this: ")
    assert features["prompt_length"] == 4  # BEGIN find this :
    with torch.no_grad():
        chunks = model[0](dict(features))
        states = model[1]._read(chunks["chunk_embeddings"], chunks["attention_mask"])[1]
    length = int(features["attention_mask"][1].sum())
    first = (0 if pool_marks else 1) if include else 4
    last = length if pool_marks or first == length - 1 else length - 1  # without a text FINISH is all there is
    expected = nn.functional.normalize(states[first:last].mean(dim=0), dim=0)
    vectors = model.encode(["a longer text for company", text], prompt="find this: ")
    np.testing.assert_allclose(vectors[1], expected.numpy(), atol=1e-6, rtol=0)


def test_edges_of_parts_are_excluded_behind_a_prompt_too() -> None:
    pairs = [("the cat", "a dog sat"), ("a", "b")]
    for include, first in ((True, 1), (False, 4)):
        model = make_model(TOY.replace(segments=2, pool_marks=False))
        model.set_pooling_include_prompt(include)
        features = model.preprocess(pairs, prompt="find this: ")
        with torch.no_grad():
            chunks = model[0](dict(features))
            states = chunks["chunk_embeddings"] + model[1].segments(features["token_type_ids"])
            states = model[1]._read(states, chunks["attention_mask"])[0]
            vector = model(features)["sentence_embedding"][0]
        length = int(features["attention_mask"][0].sum())
        kinds = features["token_type_ids"][0, :length].tolist()
        closes = [place for place in range(length) if place == length - 1 or kinds[place] != kinds[place + 1]]
        kept = [place for place in range(first, length) if place not in closes]
        expected = nn.functional.normalize(states[kept].mean(dim=0), dim=0)
        torch.testing.assert_close(vector, expected, atol=1e-6, rtol=0)


def test_what_a_prompt_joins_is_the_texts(model: SentenceTransformer) -> None:
    assert "prompt_length" not in model.preprocess(["b"])
    assert model.preprocess(["b"], prompt="find a")["prompt_length"] == 2  # BEGIN find; "ab" is of the text
    assert model.preprocess(["b"], prompt="a " * 100)["prompt_length"] == 63  # FINISH is left to be pooled
    model.set_pooling_include_prompt(False)
    assert np.isfinite(model.encode("b", prompt="a " * 100)).all()
