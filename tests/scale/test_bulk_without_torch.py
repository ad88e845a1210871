"""Bulk embedding computes without torch, and folders of embeddings are read without torch, Ray and a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from conftest import make_model
from embeddings_tools import rows_of, unit_rows, write_embeddings
from without_torch import printed_without_torch

from tiered_st import runtime
from tiered_st.scale import Embeddings


def test_texts_are_embedded_without_torch(tmp_path: Path) -> None:
    make_model().save(str(tmp_path / "toy"), create_model_card=False)
    (tmp_path / "a.txt").write_text("one\ntwo 😀\n", encoding="utf-8")
    code = (
        "import sys, tiered_st.scale; tiered_st.scale.embed(sys.argv[1], sys.argv[2], model=sys.argv[3], threads=1)\n"
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'scipy', 'ray'} & set(sys.modules)))"
    )
    assert printed_without_torch(code, tmp_path / "a.txt", tmp_path / "out", tmp_path / "toy") == "[]"
    expected = runtime.load(tmp_path / "toy", threads=1).encode(["one", "two 😀"])
    np.testing.assert_allclose(rows_of(Embeddings(tmp_path / "out"))[1], expected, atol=1e-6)


def test_embeddings_are_read_by_numpy_and_pyarrow_alone(tmp_path: Path) -> None:
    write_embeddings(str(tmp_path), unit_rows(9), sizes=[4, 5])
    code = (
        "import sys; from tiered_st.scale import Embeddings; found = Embeddings(sys.argv[1]); found.verify(ids=True)\n"
        "heavy = {'ray', 'fsspec', 'datasets', 'onnxruntime', 'faiss'}\n"
        "print(found.sample(3).shape, sum(len(some.ids) for some in found.blocks()), sorted(heavy & set(sys.modules)))"
    )
    assert printed_without_torch(code, tmp_path) == "(3, 16) 9 []"
