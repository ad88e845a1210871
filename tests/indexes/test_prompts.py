"""What a model puts before documents and before queries, an index has it put there, and says so on disk."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import make_model
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Router

from tiered_st.fingerprint import model_fingerprint
from tiered_st.indexes import FaissIndex, IndexFileError, ModelMismatchError
from tiered_st.indexes.encoder import prompts_of

faiss = pytest.importorskip("faiss")

TEXTS = ["the cat sat on the mat", "Teh CAT!", "delete a folder"]
PROMPTS = {"query": "find: ", "document": "passage: "}


def prompted(**prompts: str) -> SentenceTransformer:
    model = make_model()
    model.prompts |= prompts or PROMPTS
    return model


def meta_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "meta.json").read_text())


def cosines(index: FaissIndex, query: str) -> list[float]:
    scores = {hit.id: hit.score for hit in index.search(query)}
    return [scores[id] for id in sorted(scores)]


def as_built_before(folder: Path, model: SentenceTransformer) -> None:
    """Save an index as tiered-st 0.2.0 built it: without prompts, in format version 1."""
    prompts, model.prompts = model.prompts, {}
    FaissIndex.build(model, TEXTS).save(folder)
    model.prompts = prompts

    meta = meta_of(folder) | {"model_fingerprint": model_fingerprint(model)}
    assert meta["format_version"] == 1
    (folder / "meta.json").write_text(json.dumps(meta))


def test_documents_and_queries_get_their_prompts(tmp_path: Path) -> None:
    model = prompted()
    expected = model.encode(["find: a cat"]) @ model.encode([f"passage: {text}" for text in TEXTS]).T
    index = FaissIndex.build(model, TEXTS)
    np.testing.assert_allclose(cosines(index, "a cat"), expected[0], atol=1e-5)
    index.save(tmp_path / "i")
    loaded = FaissIndex.load(tmp_path / "i", model)
    np.testing.assert_allclose(cosines(loaded, "a cat"), expected[0], atol=1e-5)
    loaded.add([("x", TEXTS[0])])
    assert cosines(loaded, "a cat")[3] == pytest.approx(expected[0][0], abs=1e-5)
    loaded.save(tmp_path / "again")
    for name in ("i", "again"):
        meta = meta_of(tmp_path / name)  # older versions refuse it by its number: they would ask without a prompt
        assert (meta["format_version"], meta["prompts"]) == (2, PROMPTS)


def test_without_prompts_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model()
    for side in ("encode_document", "encode_query"):
        monkeypatch.setattr(model, side, None)  # not even called
    index = FaissIndex.build(model, TEXTS)
    np.testing.assert_allclose(cosines(index, "a cat"), (model.encode(["a cat"]) @ model.encode(TEXTS).T)[0], atol=1e-5)
    index.save(tmp_path / "i")
    assert meta_of(tmp_path / "i")["format_version"] == 1 and "prompts" not in meta_of(tmp_path / "i")


def test_an_index_that_was_built_without_goes_on_so_and_says_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = prompted()
    as_built_before(tmp_path / "i", model)
    with caplog.at_level(logging.WARNING):
        index = FaissIndex.load(tmp_path / "i", model)
    assert "document 'passage: ', query 'find: '" in caplog.text and "build it again" in caplog.text
    index.add([("x", "one more")])
    expected = model.encode(["a cat"]) @ model.encode([*TEXTS, "one more"]).T
    np.testing.assert_allclose(cosines(index, "a cat"), expected[0], atol=1e-5)
    index.save(tmp_path / "again")
    assert meta_of(tmp_path / "again")["format_version"] == 1
    again = FaissIndex.load(tmp_path / "again", model)
    np.testing.assert_allclose(cosines(again, "a cat"), expected[0], atol=1e-5)


def test_an_old_index_of_a_model_without_prompts_is_loaded_silently(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    FaissIndex.build(make_model(), TEXTS).save(tmp_path / "i")
    with caplog.at_level(logging.WARNING):
        FaissIndex.load(tmp_path / "i", make_model())
    assert not caplog.records


def test_prompts_that_no_fingerprint_counts_are_compared_too(tmp_path: Path) -> None:
    model = make_model()
    model.prompts = {"passage": "text: "}
    FaissIndex.build(model, TEXTS).save(tmp_path / "i")
    assert meta_of(tmp_path / "i")["prompts"] == {"document": "text: ", "query": ""}
    model.prompts = {"passage": "other: "}
    with pytest.raises(ModelMismatchError, match=r"with the prompts .*'text: '.* this model has .*'other: '"):
        FaissIndex.load(tmp_path / "i", model)
    assert len(FaissIndex.load(tmp_path / "i", model, check_model=False)) == 3
    (tmp_path / "i" / "meta.json").write_text(json.dumps(meta_of(tmp_path / "i") | {"prompts": "text: "}))
    with pytest.raises(IndexFileError, match="'prompts' is 'text: ', expected dict"):
        FaissIndex.load(tmp_path / "i", model)


def test_prompts_are_those_that_documents_were_embedded_with(tmp_path: Path) -> None:
    model = prompted()
    index = FaissIndex.build(model, TEXTS)
    model.prompts = {"query": "later: ", "document": ""}
    index.save(tmp_path / "i")
    assert meta_of(tmp_path / "i")["prompts"] == PROMPTS


@pytest.mark.parametrize(
    ("prompts", "default", "expected"),
    [
        ({}, None, {}),
        ({"query": "", "document": ""}, None, {}),
        ({"query": None, "other": "x: "}, None, {}),
        ({"query": "q: ", "document": ""}, None, {"document": "", "query": "q: "}),
        ({"x": "x: ", "query": "", "document": ""}, "x", {"document": "", "query": ""}),  # not the default one
        ({"x": "x: "}, "x", {}),  # the default one, as before everything
        ({"corpus": "c: ", "passage": "p: "}, None, {"document": "p: ", "query": ""}),
    ],
)
def test_prompts_are_found_as_sentence_transformers_finds_them(
    toy: SentenceTransformer, monkeypatch: pytest.MonkeyPatch, prompts: dict[str, str], default: str, expected: Any
) -> None:
    monkeypatch.setattr(toy, "prompts", prompts)
    monkeypatch.setattr(toy, "default_prompt_name", default)
    seen = []
    monkeypatch.setattr(toy[0], "preprocess", lambda texts, prompt=None, **_: seen.append(prompt or "") or 1 / 0)
    for encode in (toy.encode_document, toy.encode_query, toy.encode):
        with pytest.raises(ZeroDivisionError):
            encode(["a"])
    assert prompts_of(toy) == expected
    assert {"document": seen[0], "query": seen[1]} == (expected or {"document": seen[2], "query": seen[2]})


class TwoWays:
    """Encodes documents and queries apart, and does not say by which prompts."""

    def encode(self, texts: list[str], **_: Any) -> np.ndarray:
        return np.tile([1.0, 0.0], (len(texts), 1))

    def encode_document(self, texts: list[str], **_: Any) -> np.ndarray:
        return np.tile([3.0, 4.0], (len(texts), 1))


def test_a_model_with_ways_of_its_own_is_asked_by_them(tmp_path: Path) -> None:
    index = FaissIndex.build(TwoWays(), ["a"])
    assert index.search("b")[0].score == pytest.approx(0.6)
    index.save(tmp_path / "i")
    assert FaissIndex.load(tmp_path / "i", TwoWays()).search("b")[0].score == pytest.approx(0.6)


def test_a_router_is_asked_by_its_ways() -> None:
    parts = make_model()
    router = Router.for_query_document(query_modules=[make_model(seed=1)[0]], document_modules=[parts[0]])
    model = SentenceTransformer(modules=[router, *list(parts)[1:]], device="cpu")
    assert prompts_of(model) == {"document": "", "query": ""}
    index = FaissIndex.build(model, TEXTS)
    expected = model.encode_query(["a cat"]) @ model.encode_document(TEXTS).T
    np.testing.assert_allclose(cosines(index, "a cat"), expected[0], atol=1e-5)
