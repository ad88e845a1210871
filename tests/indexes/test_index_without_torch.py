"""An index needs FAISS, numpy and something that encodes: torch may be absent, and may have built it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import make_model
from without_torch import printed_without_torch

from tiered_st.fingerprint import model_fingerprint
from tiered_st.indexes import FaissIndex

pytest.importorskip("faiss")

TEXTS = ["the cat sat on the mat", "Teh CAT!", "delete a folder"]
# What a model without torch is like: it knows its folder, and gives back the vectors that are beside it.
STAND_IN = """
import sys, json, numpy as np, tiered_st
from tiered_st.saved_model import SavedModel
class StandIn(SavedModel):
    name = "stand-in"
    def __init__(self, folder):
        super().__init__(folder)
        self.vectors = json.loads((self.folder / "vectors.json").read_text())
    def get_embedding_dimension(self):
        return 32
    def encode(self, texts, **_):
        return np.array([self.vectors[text] for text in texts], dtype=np.float32)
model = StandIn(sys.argv[1])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = make_model()
    model.save(str(tmp_path / "model"), create_model_card=False)
    vectors = dict(zip(TEXTS, model.encode(TEXTS).tolist(), strict=True))

    (tmp_path / "model" / "vectors.json").write_text(json.dumps(vectors))
    return tmp_path / "model"


def test_what_torch_built_is_searched_without_it(folder: Path, tmp_path: Path) -> None:
    FaissIndex.build(make_model(), TEXTS).save(tmp_path / "i")
    code = STAND_IN + "print([hit.id for hit in tiered_st.FaissIndex.load(sys.argv[2], model).search('Teh CAT!', k=1)])"
    assert printed_without_torch(code, folder, tmp_path / "i") == "['1']"


def test_what_was_built_without_torch_is_searched_by_it(folder: Path, tmp_path: Path) -> None:
    code = STAND_IN + (
        "index = tiered_st.FaissIndex.build(model, list(model.vectors)); index.remove('0')\n"
        "import pickle; pickle.loads(pickle.dumps(index)).save(sys.argv[2])\n"
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'scipy'} & set(sys.modules)))"
    )
    assert printed_without_torch(code, folder, tmp_path / "i") == "[]"
    model = make_model()
    index = FaissIndex.load(tmp_path / "i", model)
    assert [hit.id for hit in index.search(TEXTS)[1]] == ["1", "2"]
    assert f'"model_fingerprint": "{model_fingerprint(model)}"' in (tmp_path / "i" / "meta.json").read_text()
    assert '"model_name": "stand-in"' in (tmp_path / "i" / "meta.json").read_text()


def test_another_model_is_refused_without_torch_too(folder: Path, tmp_path: Path) -> None:
    FaissIndex.build(make_model(seed=1), TEXTS).save(tmp_path / "i")
    code = STAND_IN + (
        "try:\n    tiered_st.FaissIndex.load(sys.argv[2], model)\n"
        "except tiered_st.indexes.ModelMismatchError as error:\n    print(error)"
    )
    assert "other weights" in printed_without_torch(code, folder, tmp_path / "i")
