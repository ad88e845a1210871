"""A model that is taught words recognises them misspelt, keeps all else, and saves, runs and forgets them."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TOY, make_model
from sentence_transformers import SentenceTransformer

import tiered_st
from tiered_st import learned_words as teaching
from tiered_st import runtime
from tiered_st.fingerprint import model_fingerprint
from tiered_st.learned_words import learned_words
from tiered_st.modules import learned_words as module
from tiered_st.saved.saved_model import SavedModel
from tiered_st.teaching import words

NAMES = ["Zyrvexa", "Quorlitex", "Mynthera", "Talmirex", "Sorbicane", "Bastrigo"]
MISSPELT = ["zyrvxea", "quorlltex", "mynterha", "talmierx", "sorbicaine", "bastriho"]


@pytest.fixture
def nano() -> SentenceTransformer:
    return tiered_st.load("en-nano", device="cpu")


@pytest.fixture
def knowing() -> SentenceTransformer:
    """A toy whose memory knows no word."""
    model = make_model(TOY.replace(memory_slots=8, memory_width=16))
    model[0].chunk_projector.memory.init_biases(torch.tensor([0.9] + 8 * [0.0125]))
    return model


def found(model: SentenceTransformer, queries: list[str]) -> list[int]:
    others = ["refund", "parcel", "xylophone", "zirconium", "sorbet"]
    return model.similarity(model.encode(queries), model.encode(NAMES + others)).argmax(dim=1).tolist()


def test_misspelt_names_are_nearer_to_what_was_learned(nano: SentenceTransformer) -> None:
    names, texts = nano.encode(NAMES), ["where is my parcel? 3 :)", "…", "", "!!"]
    plain = nano.encode(texts)
    before = np.sum(nano.encode(MISSPELT) * names, axis=1)
    assert tiered_st.learn_words(nano, NAMES) == [name.lower() for name in NAMES]
    assert (np.sum(nano.encode(MISSPELT) * nano.encode(NAMES), axis=1) > before).all()
    assert found(nano, MISSPELT) == list(range(len(NAMES)))
    # They are what they were, but for what a word of the list that they resemble had of one.
    np.testing.assert_allclose(np.sum(nano.encode(NAMES) * names, axis=1), 1, atol=2e-2)
    np.testing.assert_allclose(nano.encode(texts), plain, atol=1e-6)  # so are texts without them


def test_names_that_are_drawn_to_no_word_are_what_they_were(nano: SentenceTransformer) -> None:
    nano[0].set_lexicon(nano[0].lexicon.words)  # which reads spaces alone
    names = nano.encode(NAMES)
    tiered_st.learn_words(nano, NAMES)
    np.testing.assert_allclose(np.sum(nano.encode(NAMES) * names, axis=1), 1, atol=1e-3)


def test_what_is_known_is_not_learned_and_nothing_twice(nano: SentenceTransformer) -> None:
    assert tiered_st.learn_words(nano, ["refund", "the", "", "!!", "🙂"]) == []
    assert learned_words(nano) == []
    assert tiered_st.learn_words(nano, "Zyrvexa and the ZYRVEXA") == ["zyrvexa"]
    assert tiered_st.learn_words(nano, iter(["zyrvexa", "Mynthera"])) == ["mynthera"]
    assert learned_words(nano) == ["zyrvexa", "mynthera"]


def test_forgetting_gives_the_old_vectors_back(nano: SentenceTransformer) -> None:
    before, fingerprint = nano.encode(MISSPELT), model_fingerprint(nano)
    tiered_st.learn_words(nano, NAMES)
    assert model_fingerprint(nano) != fingerprint
    assert tiered_st.forget_words(nano, ["MYNTHERA", "unheard"]) == ["mynthera"]
    assert len(learned_words(nano)) == len(NAMES) - 1
    assert len(tiered_st.forget_words(nano)) == len(NAMES) - 1
    assert tiered_st.forget_words(nano) == tiered_st.forget_words(nano, "mynthera") == []
    np.testing.assert_array_equal(nano.encode(MISSPELT), before)
    assert model_fingerprint(nano) == fingerprint


def test_learned_words_are_saved_and_run_without_torch(nano: SentenceTransformer, tmp_path: Path) -> None:
    tiered_st.learn_words(nano, NAMES)
    vectors = nano.encode(MISSPELT + NAMES)
    nano.save(str(tmp_path / "model"))
    assert (tmp_path / "model" / "model.safetensors").stat().st_size < 8e6  # in int8 still
    again = tiered_st.load(tmp_path / "model", device="cpu")
    np.testing.assert_array_equal(again.encode(MISSPELT + NAMES), vectors)
    assert learned_words(again) == learned_words(nano)
    light = runtime.load(tmp_path / "model", precision="float32")
    np.testing.assert_allclose(light.encode(MISSPELT + NAMES), vectors, atol=1e-5)
    fingerprints = {model_fingerprint(m) for m in (nano, again, light, SavedModel(tmp_path / "model"))}
    assert len(fingerprints) == 1
    by_onnx = tiered_st.load(tmp_path / "model", backend="onnx", model_kwargs={"precision": "float32"})
    np.testing.assert_allclose(by_onnx.encode(MISSPELT + NAMES), vectors, atol=1e-5)
    for model in (again, by_onnx):  # which is taught by its weights in torch, and runs them anew
        assert tiered_st.learn_words(model, "Wexolor") == ["wexolor"]
    np.testing.assert_allclose(by_onnx.encode("wexlor"), again.encode("wexlor"), atol=1e-5)


def test_an_int8_memory_knows_them_too(nano: SentenceTransformer, tmp_path: Path) -> None:
    tiered_st.learn_words(nano, NAMES[:3])
    tiered_st.quantize_char_encoder(nano)
    tiered_st.learn_words(nano, NAMES[3:])
    assert found(nano, MISSPELT) == list(range(len(NAMES)))
    nano.save(str(tmp_path / "model"))
    again = tiered_st.load(tmp_path / "model", device="cpu")
    np.testing.assert_allclose(again.encode(MISSPELT), nano.encode(MISSPELT), atol=1e-6)


def test_blocks_and_half_precision_give_the_same(nano: SentenceTransformer, monkeypatch: pytest.MonkeyPatch) -> None:
    tiered_st.learn_words(nano, NAMES)
    vectors = nano.encode(MISSPELT)
    nano[0].source.forget()
    monkeypatch.setattr(module, "_CELLS", 7)
    np.testing.assert_allclose(nano.encode(MISSPELT), vectors, atol=1e-6)
    assert np.sum(nano.bfloat16().encode(MISSPELT) * vectors, axis=1).min() > 0.99


def test_a_table_keeps_what_was_learned_before_it(nano: SentenceTransformer) -> None:
    tiered_st.learn_words(nano, NAMES)
    tiered_st.tabulate(nano, NAMES + MISSPELT, keep_encoder=False, storage="float32")
    assert found(nano, MISSPELT) == list(range(len(NAMES)))
    with pytest.raises(ValueError, match="it has a table in the place of E1"):
        tiered_st.learn_words(nano, "Wexolor")


def test_e1_is_not_trained_away_from_its_words(knowing: SentenceTransformer) -> None:
    assert tiered_st.learn_words(knowing, "abc defg") == ["abc", "defg"]
    features = knowing.preprocess(["abc"])
    knowing.train()
    with pytest.raises(ValueError, match="has learned words, by how its E1 reads them"):
        knowing(features)
    knowing[0].requires_grad_(False)
    knowing(features)["sentence_embedding"].sum().backward()  # E2 learns


def test_lone_surrogates_and_other_scripts_are_learned(knowing: SentenceTransformer) -> None:
    assert tiered_st.learn_words(knowing, ["\ud83d\ud83dx", "слово", "漢字"])
    knowing.encode(["\ud83d\ud83dx слово 漢字"])


def test_a_model_is_taught_so_many_words(knowing: SentenceTransformer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teaching, "MOST", 3)
    tiered_st.learn_words(knowing, "ab cd")
    with pytest.raises(ValueError, match="4 words are more than the 3"):
        tiered_st.learn_words(knowing, "ef gh")
    assert learned_words(knowing) == ["ab", "cd"]


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (TOY.replace(memory_slots=0, memory_values=0), "memory_slots=0"),
        (TOY.replace(memory_slots=8, char_span="text"), "char_span='text'"),
    ],
)
def test_models_that_cannot_learn_say_why(config: tiered_st.TieredConfig, problem: str) -> None:
    with pytest.raises(ValueError, match=f"cannot be taught words, it has {problem}"):
        tiered_st.learn_words(make_model(config), "word")


def test_a_model_without_torch_is_taught_alike(nano: SentenceTransformer, tmp_path: Path) -> None:
    light = runtime.load("en-nano", precision="float32")
    before, fingerprint = light.encode(MISSPELT), model_fingerprint(light)
    other = light.twin()
    assert tiered_st.learn_words(light, NAMES[:3]) == tiered_st.learn_words(nano, NAMES[:3])
    assert tiered_st.learn_words(light, ["Zyrvexa the refund", *NAMES[3:]]) == tiered_st.learn_words(nano, NAMES[3:])
    assert learned_words(light) == learned_words(nano)
    # Their vectors are kept in 8 bits: numbers that differ in their last bit may be rounded apart.
    np.testing.assert_allclose(light.encode(MISSPELT + NAMES), nano.encode(MISSPELT + NAMES), atol=2e-3)
    assert np.abs(light.encode(MISSPELT) - before).max() > 2e-2
    np.testing.assert_array_equal(other.encode(MISSPELT), before)  # what shares its graphs was not taught
    assert model_fingerprint(other) == fingerprint != model_fingerprint(light)
    again = pickle.loads(pickle.dumps(light))
    np.testing.assert_array_equal(again.encode(MISSPELT), light.encode(MISSPELT))
    assert model_fingerprint(again) == model_fingerprint(light)
    assert tiered_st.forget_words(light, "MYNTHERA unheard") == ["mynthera"]
    assert len(tiered_st.forget_words(light)) == len(NAMES) - 1 and learned_words(light) == []
    np.testing.assert_array_equal(light.encode(MISSPELT), before)
    assert model_fingerprint(light) == fingerprint


@pytest.mark.parametrize("storage", ["float32", "float16", "int8"])
def test_what_a_saved_model_knows_is_taught_further_without_torch(
    knowing: SentenceTransformer, storage: str, tmp_path: Path
) -> None:
    tiered_st.learn_words(knowing, "abc defg")
    tiered_st.set_storage(knowing, storage)
    knowing.save(str(tmp_path / "model"), create_model_card=False)
    light = runtime.load(tmp_path / "model", precision="float32")
    torch_ = tiered_st.load(tmp_path / "model", device="cpu")
    assert tiered_st.forget_words(light, "abc") == tiered_st.forget_words(torch_, "abc") == ["abc"]
    for model in (light, torch_):
        tiered_st.learn_words(model, "hij")
        assert learned_words(model) == ["defg", "hij"]
    np.testing.assert_allclose(light.encode(["abd hji", "defg"]), torch_.encode(["abd hji", "defg"]), atol=1e-5)
    assert tiered_st.forget_words(light) == ["defg", "hij"]
    tiered_st.forget_words(torch_)
    assert model_fingerprint(light) == model_fingerprint(torch_)


def test_coarsened_and_peeking_models_are_taught_alike(tmp_path: Path) -> None:
    config = TOY.replace(memory_slots=8, memory_width=16, chunk_quantization="int8", peek=True)
    model = make_model(config)
    model.save(str(tmp_path / "model"), create_model_card=False)
    light = runtime.load(tmp_path / "model")
    assert tiered_st.learn_words(light, "abc defg") == tiered_st.learn_words(model, "abc defg") == ["abc", "defg"]
    np.testing.assert_allclose(light.encode(["abd", "defg abc"]), model.encode(["abd", "defg abc"]), atol=1e-4)


def test_other_models_cannot_be_taught(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"A str cannot be taught words: load a model by tiered_st\.load or"):
        tiered_st.learn_words("en-nano", "word")
    tiered_st.tabulate(make_model(TOY.replace(memory_slots=8)), ["a b"]).save(str(tmp_path), create_model_card=False)
    with pytest.raises(ValueError, match="it has a table of chunk vectors, made before"):
        tiered_st.learn_words(runtime.load(tmp_path), "word")


def test_long_texts_are_not_padded_to_in_masses() -> None:
    texts = ["x"] * 3_000 + ["y" * 10_000] + ["x"] * 100
    sizes = [len(batch) for batch in words._batches(texts)]
    assert sum(sizes) == len(texts) and max(sizes) == 1_024
    assert all(len(batch) * max(map(len, batch)) <= 1 << 18 for batch in words._batches(texts))
    assert [len(batch) for batch in words._batches(["x" * (1 << 20)] * 2)] == [1, 1]
