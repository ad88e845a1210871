"""A whole model by the runtime against torch: every setting that test_variants knows, and every body that is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import BERT_BODY, TOY, make_model
from runtime_tools import cosines, loaded
from test_variants import FORMS, SETTINGS, TEXTS, made

import tiered_st
from tiered_st import runtime
from tiered_st.text.text_rows import TextRows

PAIRS = [("a question", "its answer"), ("b", ""), ("one two three", "four"), ("x y z " * 30, "k")]
BODIES: dict[str, dict[str, Any]] = {
    "learned positions, three parts": {"sem_positions": "learned", "sem_layers": 2, "segments": 3},
    "alibi, four heads": {"sem_positions": "alibi", "sem_layers": 2, "sem_heads": 4},
    "absolute positions": {"sem_positions": "absolute", "sem_layers": 2},
    "parts without marks": {"segments": 2, "pool_marks": False},
    "bert, gelu_new": {"body": {**BERT_BODY, "hidden_act": "gelu_new"}},
    "bert, one type": {"body": {**BERT_BODY, "type_vocab_size": 1, "layer_norm_eps": 1e-5}},
    "bert, padding 1": {"body": {**BERT_BODY, "pad_token_id": 1}},
    "bert without layers": {"body": {**BERT_BODY, "num_hidden_layers": 0}},
}


@pytest.mark.parametrize("name", [*SETTINGS, *FORMS, *BODIES])
def test_texts_get_the_vectors_of_torch(name: str, tmp_path: Path) -> None:
    model = make_model(TOY.replace(**BODIES[name])) if name in BODIES else made(name)
    encoder = loaded(model, tmp_path)
    integers = runtime.load(tmp_path, threads=1, precision="int8")
    dtype = torch.float32 if name == "bfloat16" else None  # which only the storage is, here
    model = tiered_st.load(tmp_path, device="cpu", dtype=dtype)
    texts = TEXTS + (PAIRS if model[0].settings.segments else [])
    for prompt in (None, "query: "):
        expected = model.encode(texts, prompt=prompt)
        vectors = encoder.encode(texts, prompt=prompt)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)
        assert cosines(integers.encode(texts, prompt=prompt), expected).min() > 0.99
        whole = model.encode(texts, prompt=prompt, output_value="token_embeddings")
        states_of = encoder.encode(texts, prompt=prompt, output_value="token_embeddings")
        for own, states in zip(states_of, whole, strict=True):
            np.testing.assert_allclose(own, states.float().numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("act", ["relu", "silu", "quick_gelu"])
def test_what_no_graph_is_written_for_is_refused_by_name(act: str, tmp_path: Path) -> None:
    model = make_model(TOY.replace(body={**BERT_BODY, "hidden_act": act}))
    with pytest.raises(ValueError, match=f"safetensors.*hidden_act='{act}' is not one of gelu, gelu_new"):
        loaded(model, tmp_path)


def test_another_body_is_refused_by_name(tmp_path: Path) -> None:
    body = {**BERT_BODY, "model_type": "modernbert", "pad_token_id": 0, "vocab_size": 16}
    with pytest.raises(ValueError, match=r"model_type='modernbert': the runtime runs bert.* and our own Transformer"):
        loaded(make_model(TOY.replace(body=body)), tmp_path)


def test_more_chunks_than_a_model_reads_are_refused(tmp_path: Path) -> None:
    encoder = loaded(make_model(), tmp_path)
    assert encoder.encode("word", max_length=1000).shape == (32,)
    with pytest.raises(ValueError, match="A text has 102 chunks, but this model reads 64 at most: give a max_length"):
        encoder.encode("word " * 100, max_length=1000)


def test_a_graph_has_no_more_chunks_than_its_texts(tmp_path: Path) -> None:
    """Nothing may read past a row's end: vectors of padding are what torch gives, whatever lies there."""
    encoder = loaded(make_model(), tmp_path)
    rows: TextRows = encoder.reader.read(["a b c", "a"])
    vectors = encoder.chunks.fill(rows.input_ids)
    lengths = rows.attention_mask.sum(axis=1)
    states = encoder.semantic(vectors, lengths)
    vectors[1, lengths[1] :] = 7.0
    np.testing.assert_array_equal(encoder.semantic(vectors, lengths)[1, : lengths[1]], states[1, : lengths[1]])
