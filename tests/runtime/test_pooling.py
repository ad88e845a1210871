from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import TOY, make_model
from runtime_tools import loaded
from sentence_transformers.sentence_transformer.modules import Pooling

TEXTS = ["The cat sat on the mat.", "", "a", "漢字かな กขค 😂👍🏽", "long " * 90]
PAIRS = [("a question", "its answer"), ("b", ""), ("x y z " * 30, "k")]
PROMPTS = (None, "query: ", "q", "a prompt of more words than a text has, and more " * 4)


@pytest.mark.parametrize("segments", [0, 2])
@pytest.mark.parametrize("pool_marks", [True, False])
@pytest.mark.parametrize("include_prompt", [True, False])
@pytest.mark.parametrize("modes", ["mean", "cls", "max", ["mean", "max"], ["cls", "mean", "max"]])
def test_texts_are_pooled_as_torch_pools_them(
    modes: str | list[str], include_prompt: bool, pool_marks: bool, segments: int, tmp_path: Path
) -> None:
    model = make_model(TOY.replace(pool_marks=pool_marks, segments=segments))
    model[2] = Pooling(TOY.d_sem, pooling_mode=modes, include_prompt=include_prompt)
    if pool_marks:
        del model[3]  # not normalized
    encoder = loaded(model, tmp_path)
    texts = TEXTS + (PAIRS if segments else [])
    assert encoder.get_embedding_dimension() == model.get_embedding_dimension()
    for prompt in PROMPTS:
        expected = model.encode(texts, prompt=prompt)
        np.testing.assert_allclose(encoder.encode(texts, prompt=prompt), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mode", ["weightedmean", "lasttoken", "mean_sqrt_len_tokens"])
def test_another_pooling_is_refused_by_name(mode: str, tmp_path: Path) -> None:
    model = make_model()
    model[2] = Pooling(TOY.d_sem, pooling_mode=mode)
    with pytest.raises(ValueError, match=f"pooling_mode='{mode}': the runtime pools by mean, max, cls"):
        loaded(model, tmp_path)
