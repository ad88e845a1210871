from __future__ import annotations

import numpy as np
import pytest
from conftest import make_model
from runtime_tools import loaded
from sentence_transformers.util.quantization import quantize_embeddings
from sentence_transformers.util.similarity import SimilarityFunction

from tiered_st.runtime import RuntimeEncoder
from tiered_st.runtime.similarity import MEASURES, PRECISIONS, quantize_each, similarity, similarity_pairwise

RANDOM = np.random.default_rng(0)
A, B = (RANDOM.normal(size=(40, 24)).astype(np.float32) for _ in range(2))
B[0], B[1], A[2] = A[0], A[1] * (1 + 1e-6), 0  # the same, next to it, and nothing


@pytest.mark.parametrize("name", MEASURES)
def test_scores_are_those_of_sentence_transformers(name: str) -> None:
    every, pairs = SimilarityFunction.to_similarity_fn(name), SimilarityFunction.to_similarity_pairwise_fn(name)
    # Some of its distances are computed in a way that loses those next to 0: a few rows at a time, they are not.
    expected = np.concatenate([every(A[i : i + 8], B[:20]).numpy() for i in range(0, 40, 8)])
    np.testing.assert_allclose(similarity(name, A, B[:20]), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(similarity(name, A[3], B[4]), every(A[3], B[4]).numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(similarity_pairwise(name, A, B), pairs(A, B).numpy(), rtol=1e-5, atol=1e-5)
    alone = similarity_pairwise(name, A[3], B[4])
    assert np.shape(alone) == () == tuple(pairs(A[3], B[4]).shape)
    assert similarity(name, list(A[:3]), B[:0]).shape == (3, 0)
    assert similarity(name, A[:0], B).shape == (0, 40)
    assert similarity(name, A, B).dtype == similarity_pairwise(name, A, B).dtype == np.float32


@pytest.mark.parametrize("name", MEASURES)
def test_vectors_of_two_models_are_not_compared(name: str) -> None:
    for function in (similarity, similarity_pairwise):
        with pytest.raises(ValueError, match=r"shapes \(40, 24\) and \(40, 1\) cannot be compared"):
            function(name, A, B[:, :1])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_vectors_are_quantized_as_sentence_transformers_does(precision: str) -> None:
    for vectors in (A, A[:0], A[:, :11], A[:1]):
        if len(vectors) == 1 and precision.endswith("int8"):
            with pytest.raises(ValueError, match="give more than one text"):
                PRECISIONS[precision](vectors)
            continue
        found, expected = PRECISIONS[precision](vectors), quantize_embeddings(vectors, precision)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    several = [A[:3], A[3:4], A[4:]]
    for found, expected in zip(quantize_each(several, precision), quantize_embeddings(several, precision), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> RuntimeEncoder:
    return loaded(make_model(), tmp_path_factory.mktemp("model"))


def test_the_measure_is_the_encoders(encoder: RuntimeEncoder) -> None:
    first, second = encoder.encode(["a b", "c"])
    assert encoder.similarity_fn_name == "cosine"
    assert encoder.similarity(first, second) == pytest.approx(first @ second)
    encoder.similarity_fn_name = "manhattan"
    assert encoder.similarity_pairwise(first, second) == pytest.approx(-np.abs(first - second).sum())
    for name in ("nope", "maxsim", 3):
        with pytest.raises(ValueError, match=f"similarity_fn_name={name!r} is not one of cosine, dot, euclidean"):
            encoder.similarity_fn_name = name
    encoder.similarity_fn_name = None  # as in sentence-transformers
    assert encoder.similarity_fn_name == "cosine"
