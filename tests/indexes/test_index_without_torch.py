"""An index needs FAISS, numpy and the runtime: torch may be absent, and may have built it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import make_model
from without_torch import printed_without_torch

import tiered_st
import tiered_st.runtime
from tiered_st.fingerprint import model_fingerprint
from tiered_st.indexes import FaissIndex

pytest.importorskip("faiss")

TEXTS = ["the cat sat on the mat", "Teh CAT!", "delete a folder"]
LOAD = "import sys, tiered_st, tiered_st.runtime; model = tiered_st.runtime.load(sys.argv[1])\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_model().save(str(tmp_path / "model"), create_model_card=False)
    return tmp_path / "model"


def test_what_torch_built_is_searched_without_it(folder: Path, tmp_path: Path) -> None:
    FaissIndex.build(make_model(), TEXTS).save(tmp_path / "i")
    code = LOAD + "print([hit.id for hit in tiered_st.FaissIndex.load(sys.argv[2], model).search('Teh CAT!', k=1)])"
    assert printed_without_torch(code, folder, tmp_path / "i") == "['1']"


def test_what_was_built_without_torch_is_searched_by_it(folder: Path, tmp_path: Path) -> None:
    code = LOAD + (
        "index = tiered_st.FaissIndex.build(model, sys.argv[3:]); index.remove('0')\n"
        "import pickle; pickle.loads(pickle.dumps(index)).save(sys.argv[2])\n"
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'scipy'} & set(sys.modules)))"
    )
    assert printed_without_torch(code, folder, tmp_path / "i", *TEXTS) == "[]"
    model = make_model()
    index = FaissIndex.load(tmp_path / "i", model)
    assert [hit.id for hit in index.search(TEXTS)[1]] == ["1", "2"]
    assert f'"model_fingerprint": "{model_fingerprint(model)}"' in (tmp_path / "i" / "meta.json").read_text()
    assert '"model_name": "model"' in (tmp_path / "i" / "meta.json").read_text()


def test_another_model_is_refused_without_torch_too(folder: Path, tmp_path: Path) -> None:
    FaissIndex.build(make_model(seed=1), TEXTS).save(tmp_path / "i")
    code = LOAD + (
        "try:\n    tiered_st.FaissIndex.load(sys.argv[2], model)\n"
        "except tiered_st.indexes.ModelMismatchError as error:\n    print(error)"
    )
    assert "other weights" in printed_without_torch(code, folder, tmp_path / "i")


@pytest.mark.parametrize("name", tiered_st.pretrained())
def test_an_index_of_a_shipped_model_is_open_to_the_other_side(name: str, tmp_path: Path) -> None:
    torch, onnx = tiered_st.load(name, device="cpu"), tiered_st.runtime.load(name)
    for builder, reader in ((torch, onnx), (onnx, torch)):
        FaissIndex.build(builder, TEXTS).save(tmp_path / "i")
        hits = FaissIndex.load(tmp_path / "i", reader).search(TEXTS, k=1)
        assert [hit.text for (hit,) in hits] == TEXTS and min(hit.score for (hit,) in hits) > 0.99
        assert json.loads((tmp_path / "i" / "meta.json").read_text())["model_name"] == name
