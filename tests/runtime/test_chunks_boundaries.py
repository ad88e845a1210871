from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import TOY, make_model
from test_chunks_variants import TEXTS, without_torch

from tiered_st.text import TextReader, make_chunker
from tiered_st.text.tokenizer import CharTokenizer

LEARNED = TOY.replace(chunker="learned", boundary_buckets=64)


@pytest.mark.parametrize("changes", [{}, {"boundary_buckets": 0}, {"boundary_layers": 0}, {"ngram_sizes": ()}])
def test_logits_are_those_of_torch(changes: dict, tmp_path: Path) -> None:
    model = make_model(LEARNED.replace(**changes))
    predictor = without_torch(model, tmp_path).boundaries
    assert predictor is not None
    random = np.random.default_rng(0)
    ids, spaced = random.integers(32, 512, 20_000), random.integers(0, 2, 20_000)
    texts = np.sort(random.integers(0, 30, 20_000))
    expected = model[0].boundary_predictor.read(ids, spaced, texts)
    np.testing.assert_allclose(predictor(ids, spaced, texts), expected, rtol=0, atol=1e-4)
    assert predictor(ids[:0], spaced[:0], texts[:0]).shape == (0,)


def test_a_reader_cuts_by_it_as_the_model_does(tmp_path: Path) -> None:
    model = make_model(LEARNED)
    characters = CharTokenizer(LEARNED.normalization, lowercase=LEARNED.lowercase)
    chunker = make_chunker(LEARNED, characters, without_torch(model, tmp_path).boundaries)
    rows = TextReader(LEARNED, characters, chunker).read(TEXTS)
    np.testing.assert_array_equal(rows.input_ids, model[0].preprocess(TEXTS)["input_ids"].numpy())
