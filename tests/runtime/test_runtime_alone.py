"""The runtime needs no torch, and says what it does need."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import make_model
from without_torch import printed_without_torch, run_without_torch

import tiered_st
from tiered_st import runtime

TEXTS = ["the cat sat on the mat", "Teh CAT!", "delete a folder"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    make_model().save(str(path), create_model_card=False)
    return path


def test_a_model_is_loaded_and_encodes(folder: Path) -> None:
    code = (
        "import json, tiered_st.runtime; model = tiered_st.runtime.load(sys.argv[1], threads=1)\n"
        f"print(json.dumps(model.encode({TEXTS!r}).tolist()))\n"
        "assert not {'torch', 'transformers', 'sentence_transformers', 'scipy', 'onnx'} & set(sys.modules)\n"
        "try:\n    model.encode('a', convert_to_tensor=True)\n"
        "except ValueError as error:\n    assert 'torch, which is not installed' in str(error), error\n"
    )
    expected = runtime.load(folder, threads=1).encode(TEXTS)
    assert printed_without_torch(code, folder) == str(expected.tolist())


def test_long_texts_are_encoded(folder: Path) -> None:
    code = (
        "import tiered_st.runtime; model = tiered_st.runtime.load(sys.argv[1], threads=1)\n"
        "print([document.embeddings.tolist() for document in tiered_st.encode_long(model, ['a few words ' * 60, 'b'])])"
    )
    expected = tiered_st.encode_long(make_model(), ["a few words " * 60, "b"])
    for found, document in zip(json.loads(printed_without_torch(code, folder)), expected, strict=True):
        np.testing.assert_allclose(np.array(found), document.embeddings, rtol=0, atol=1e-5)


def test_an_index_goes_to_and_fro(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    code = (
        "import tiered_st.runtime; model = tiered_st.runtime.load(sys.argv[1], threads=1)\n"
        f"tiered_st.FaissIndex.build(model, {TEXTS!r}).save(sys.argv[2])\n"
        "print([hit.id for hit in tiered_st.FaissIndex.load(sys.argv[2], model).search('Teh CAT!', k=1)])\n"
    )
    assert printed_without_torch(code, folder, tmp_path / "index") == "['1']"
    model = tiered_st.load(folder, device="cpu")
    assert [hit.id for hit in tiered_st.FaissIndex.load(tmp_path / "index", model).search(TEXTS[2], k=1)] == ["2"]
    tiered_st.FaissIndex.build(model, TEXTS).save(tmp_path / "back")
    code = (
        "import tiered_st.runtime; model = tiered_st.runtime.load(sys.argv[1], threads=1)\n"
        "print([hit.id for hit in tiered_st.FaissIndex.load(sys.argv[2], model).search('Teh CAT!', k=1)])\n"
    )
    assert printed_without_torch(code, folder, tmp_path / "back") == "['1']"


def test_without_onnx_runtime_it_says_what_to_install() -> None:
    code = "sys.modules['onnxruntime'] = None\nimport tiered_st\nimport tiered_st.runtime"
    done = run_without_torch(code)
    assert done.returncode and done.stderr.strip().splitlines()[-1].startswith("ImportError: tiered_st.runtime needs")
    assert done.stderr.strip().endswith("pip install onnxruntime")


def test_an_encoder_is_sent_to_a_process_of_its_own(folder: Path) -> None:
    code = (
        "import multiprocessing, numpy, tiered_st.runtime\n"
        "if __name__ == '__main__':\n"
        "    model = tiered_st.runtime.load(sys.argv[1], threads=1); model.truncate_dim = 5\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        found = pool.apply(model.encode, (['a text', 'b'],))\n"
        "    print(found.shape, bool((found == model.encode(['a text', 'b'])).all()))\n"
    )
    assert printed_without_torch(code, folder) == "(2, 5) True"
