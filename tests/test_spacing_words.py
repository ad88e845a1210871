"""A model that reads spaces by a list of words: set, saved, loaded, run without torch, taught, fingerprinted."""

from __future__ import annotations

import copy
import json
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import TOY, make_model
from sentence_transformers import SentenceTransformer

import tiered_st
from tiered_st.cli import main
from tiered_st.documents.passages import PassageCutter
from tiered_st.fingerprint import model_fingerprint
from tiered_st.runtime import load as load_runtime
from tiered_st.saved.saved_model import SavedModel

WORDS = ["the", "a", "in", "man", "cat", "house", "guitar", "playing", "park", "Kick", "starter"]
MEANT = ["the man playing guitar in the park", "the cat in the house"]
TYPED = ["theman playingguitar inthe park", "thecat in the hou se"]


@pytest.fixture
def spaced() -> SentenceTransformer:
    model = make_model(TOY.replace(dropout=0.0, memory_slots=8, memory_width=16, memory_values=24))
    tiered_st.set_lexicon(model, WORDS)
    return model


def test_texts_are_read_as_they_were_meant_until_the_list_is_taken_away(spaced: SentenceTransformer) -> None:
    assert np.array_equal(spaced.encode(TYPED), spaced.encode(MEANT))
    with_list, meant = model_fingerprint(spaced), spaced.encode(MEANT)
    tiered_st.set_lexicon(spaced, None)
    assert np.abs(spaced.encode(TYPED) - meant).max() > 0.01
    np.testing.assert_allclose(spaced.encode(MEANT), meant, atol=1e-6)
    assert model_fingerprint(spaced) != with_list


@pytest.mark.parametrize("storage", ["float32", "float16", "int8"])
def test_the_list_is_saved_and_loaded_by_torch_and_without(
    spaced: SentenceTransformer, storage: str, tmp_path: Path
) -> None:
    tiered_st.set_storage(spaced, storage)
    spaced.save(str(tmp_path), create_model_card=False)
    by_torch, alone = tiered_st.load(tmp_path, device="cpu"), load_runtime(tmp_path, precision="float32")
    for model in (by_torch, alone, copy.deepcopy(by_torch), pickle.loads(pickle.dumps(alone)), alone.twin()):
        np.testing.assert_allclose(model.encode(TYPED), model.encode(MEANT), atol=1e-6)
        assert model_fingerprint(model) == model_fingerprint(by_torch)
    np.testing.assert_allclose(alone.encode(TYPED), by_torch.encode(TYPED), atol=1e-5)
    assert model_fingerprint(SavedModel(tmp_path)) == model_fingerprint(by_torch)
    assert [*by_torch[0].lexicon.words] == [word.lower() for word in WORDS]
    again = tiered_st.load(tmp_path, device="cpu", backend="onnx", model_kwargs={"precision": "float32"})
    np.testing.assert_allclose(again.encode(TYPED), by_torch.encode(TYPED), atol=1e-5)


def test_words_of_the_list_are_no_parameters(
    spaced: SentenceTransformer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spaced.save(str(tmp_path), create_model_card=False)
    assert main(["info", str(tmp_path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (
        facts["parameters"] == sum(weight.numel() for weight in spaced.parameters()) and "lexicon" not in facts["tiers"]
    )


def test_an_export_reads_spaces_too(spaced: SentenceTransformer, tmp_path: Path) -> None:
    tiered_st.export(spaced, tmp_path / "exported", "float32")
    alone = load_runtime(tmp_path / "exported")
    np.testing.assert_allclose(alone.encode(TYPED), spaced.encode(MEANT), atol=1e-5)


def test_a_list_of_another_length_or_a_damaged_one_is_refused(spaced: SentenceTransformer, tmp_path: Path) -> None:
    spaced.save(str(tmp_path), create_model_card=False)
    path = tmp_path / "config.json"
    content = json.loads(path.read_text())
    content["lexicon"]["bytes"] += 1
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"lexicon._extra_state of shape \(\d+,\) where config.json says"):
        tiered_st.load(tmp_path)
    with pytest.raises(ValueError, match=r"lexicon._extra_state has the shape"):
        load_runtime(tmp_path)


def test_words_that_it_is_taught_stay_whole_and_are_found_again(spaced: SentenceTransformer, tmp_path: Path) -> None:
    assert tiered_st.learn_words(spaced, ["Kickstarter"]) == ["kickstarter"]
    spaced.save(str(tmp_path), create_model_card=False)
    taught = [spaced, tiered_st.load(tmp_path, device="cpu"), load_runtime(tmp_path), load_runtime(tmp_path).twin()]
    for model in taught:
        assert (model.tokenizer if hasattr(model, "tokenizer") else model).reader.chunker.kept == {"kickstarter"}
        assert tiered_st.forget_words(model) == ["kickstarter"]
        assert (model.tokenizer if hasattr(model, "tokenizer") else model).reader.chunker.kept == frozenset()


def test_a_twin_is_taught_apart(spaced: SentenceTransformer, tmp_path: Path) -> None:
    spaced.save(str(tmp_path), create_model_card=False)
    model = load_runtime(tmp_path)
    twin = model.twin()
    tiered_st.learn_words(twin, ["Kickstarter"])
    assert model.reader.chunker.kept == frozenset() and twin.reader.chunker.kept == {"kickstarter"}  # type: ignore[attr-defined]


def test_threads_read_alike(spaced: SentenceTransformer) -> None:
    wanted = spaced.encode(TYPED)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: spaced.encode(TYPED), range(16)))
    assert all(np.array_equal(vectors, wanted) for vectors in found)


def _encode(folder: str) -> np.ndarray:
    return load_runtime(folder).encode(TYPED)


def test_another_process_reads_alike(spaced: SentenceTransformer, tmp_path: Path) -> None:
    spaced.save(str(tmp_path), create_model_card=False)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert np.array_equal(pool.submit(_encode, str(tmp_path)).result(), _encode(str(tmp_path)))


def test_a_passage_of_words_run_together_is_read_to_its_end(spaced: SentenceTransformer) -> None:
    text = "themanplayingguitarinthepark. " * 40
    cut = PassageCutter(spaced[0], 20)
    passages = list(cut(text))
    assert "".join(passage.text for passage in passages) == text
    assert all(spaced[0].reader.read([p.text], limit=400).attention_mask.sum() <= 22 for p in passages)


@pytest.mark.parametrize("chunker", ["windows", "learned"])
def test_a_list_for_what_does_not_cut_by_words_is_refused(chunker: str) -> None:
    model = make_model(TOY.replace(chunker=chunker, window=4, stride=4))
    with pytest.raises(ValueError, match=f"chunker='{chunker}' does not cut by words"):
        tiered_st.set_lexicon(model, WORDS)
    tiered_st.set_lexicon(model, None)


def test_a_list_without_words_is_refused(spaced: SentenceTransformer) -> None:
    with pytest.raises(ValueError, match="no word of letters alone: give the words of a language"):
        tiered_st.set_lexicon(spaced, ["3d", "a b"])
    assert spaced[0].lexicon is not None


def test_a_list_is_read_as_the_model_reads() -> None:
    model = make_model(TOY.replace(fold_accents=True))
    tiered_st.set_lexicon(model, ["el", "Árbol", "está", "aquí"])
    assert [*model[0].lexicon.words] == ["el", "arbol", "esta", "aqui"]
    assert np.array_equal(model.encode(["el árbol estáaquí"]), model.encode(["el arbol esta aqui"]))
