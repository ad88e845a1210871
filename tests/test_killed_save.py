"""A save over an older model that dies half way leaves a folder that is refused, never a mix of two models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import make_model
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

from tiered_st.model import load
from tiered_st.modules import SemanticEncoder, TieredInput
from tiered_st.modules.stored import StoredModule

TEXTS = ["how do i get my money back", "teh parsel"]


class Killed(BaseException):
    """What no handler of errors catches, as a kill."""


@pytest.mark.parametrize("module", [StoredModule, TieredInput, SemanticEncoder, Pooling, Normalize])
def test_a_killed_save_is_refused(module: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = make_model(), make_model(seed=1)
    folder = str(tmp_path / "model")
    old.save_pretrained(folder, create_model_card=False)
    saved = module.save  # type: ignore[attr-defined]

    def die(self: object, *args: object, **kwargs: object) -> None:
        saved(self, *args, **kwargs)
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(module, "save", die)
        new.save_pretrained(folder, create_model_card=False)
    with pytest.raises(ValueError, match=r"modules\.json is missing"):
        load(folder, device="cpu")
    with pytest.raises((ValueError, OSError)):
        SentenceTransformer(folder, trust_remote_code=True, device="cpu")
    new.save_pretrained(folder, create_model_card=False)
    np.testing.assert_allclose(load(folder, device="cpu").encode(TEXTS), new.encode(TEXTS), atol=1e-6)
