"""The shipped models answer as they did when their golden vectors were kept (see golden_vectors.py)."""

import numpy as np
import pytest
from golden_vectors import TOLERANCE, distance, embed, kept, model_version, texts

import tiered_st


@pytest.mark.parametrize("name", tiered_st.pretrained())
def test_no_shipped_model_moved_without_a_new_version(name):
    version, vectors = kept(name)
    assert version == model_version(name), "python tests/golden_vectors.py --write keeps the vectors of a new version"
    apart, place = distance(embed(name), vectors)
    assert apart <= TOLERANCE, f"text {place} ({texts()[place]!r:.60}) moved by {apart:.1e}"


@pytest.mark.parametrize("name", tiered_st.pretrained())
def test_golden_vectors_are_forty_different_unit_vectors(name):
    vectors = kept(name)[1]
    assert vectors.shape == (len(texts()), 384) == (40, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert len({tuple(row) for row in vectors.round(4).tolist()}) >= 39  # "" and " " are one text
