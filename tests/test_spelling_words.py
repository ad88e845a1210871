"""A model that reads what is in no list again, as the words that it may be a misspelling of."""

from __future__ import annotations

import copy
import json
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TOY, make_model
from safetensors.numpy import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch.nn import functional as F

import tiered_st
from tiered_st.compression import tabulate
from tiered_st.fingerprint import model_fingerprint
from tiered_st.modules.spellings import Spellings
from tiered_st.runtime import load as load_runtime
from tiered_st.saved.saved_model import SavedModel
from tiered_st.text import Lexicon
from tiered_st.text.chunk_types import ChunkType
from tiered_st.text.spelling import SpellingConfig, SpellingList
from tiered_st.text.tokenizer import CharTokenizer

WORDS = ["the", "a", "cat", "house", "guitar", "parking", "is", "in", "dog", "of", "garden", "winter"]
CONFIG = TOY.replace(dropout=0.0, memory_slots=8, memory_width=16, memory_values=24)
# However an untrained E1 reads, a word is near then.
EAGER = SpellingConfig(9, candidates=3, near=-1.0)
KNOWN = ["The cat is in the house, 3 of 4!", "", "👍", "winter garden"]
TYPED = ["teh cta is in teh huose", "gutiar prking", "a dgo \ud83d", "zyrvexa 漢字 пес 3x", "x" * 90]


def spelling(model: SentenceTransformer, config: SpellingConfig = EAGER) -> SentenceTransformer:
    model[0].set_lexicon(Lexicon(WORDS), config)
    return model


@pytest.fixture
def plain() -> SentenceTransformer:
    return make_model(CONFIG)


@pytest.fixture
def spelt() -> SentenceTransformer:
    return spelling(make_model(CONFIG))


def chunk_vectors(model: SentenceTransformer, text: str) -> torch.Tensor:
    with torch.no_grad():
        return model[0](model.preprocess([text]))["chunk_embeddings"][0]


def test_known_words_keep_their_vectors_and_others_are_pulled_as_said(
    plain: SentenceTransformer, spelt: SentenceTransformer
) -> None:
    np.testing.assert_allclose(spelt.encode(KNOWN), plain.encode(KNOWN), atol=1e-6)
    own, found = chunk_vectors(plain, "cta")[1], chunk_vectors(spelt, "cta")[1]
    tiers = plain[0]
    rows = tiers.reader.read(["cta", *WORDS[:9]]).input_ids[:, 1]
    with torch.no_grad():
        read = F.normalize(tiers.read_chunks(torch.from_numpy(rows)), dim=1)
        cosines = read[0] @ read[1:].T
        score = EAGER.sharpness * cosines - EAGER.prior * torch.log(torch.arange(9) + 20.0)
        best, places = score.topk(3)
        pull = EAGER.share * torch.sigmoid(EAGER.sharpness * (cosines.max() - EAGER.near))
        weights = (torch.softmax(best, 0) - EAGER.floor).clamp_min(0)
        means = (weights / weights.sum()) @ tiers.encode_chunks(torch.from_numpy(rows[1:]))[places]
    torch.testing.assert_close(found, own + pull * (means - own), atol=1e-5, rtol=0)
    assert (found - own).abs().max() > 0.01


def test_case_and_place_in_a_batch_change_nothing(spelt: SentenceTransformer) -> None:
    alone = [spelt.encode(text) for text in TYPED]
    spelt[0].set_cache(0)
    np.testing.assert_allclose(spelt.encode(TYPED * 2, batch_size=3), [*alone, *alone], atol=1e-6)
    np.testing.assert_allclose(chunk_vectors(spelt, "THE Winter"), chunk_vectors(make_model(CONFIG), "THE Winter"))


def test_a_word_beyond_the_first_is_known_though_never_meant(
    plain: SentenceTransformer, spelt: SentenceTransformer
) -> None:
    texts = ["of garden winter"]  # the tenth to twelfth word, of which nine may be meant
    np.testing.assert_allclose(spelt.encode(texts), plain.encode(texts), atol=1e-6)
    meant = spelt[0].source.spellings.words.rows
    assert [spelt[0].characters.decode(row[row > 0]) for row in meant] == WORDS[:9]


@pytest.mark.parametrize("quantization", [None, "int8"])
@pytest.mark.parametrize("peek", [False, True])
@pytest.mark.parametrize("taught", [False, True])
def test_it_is_saved_and_read_alike_by_torch_and_without(
    quantization: str | None, peek: bool, taught: bool, tmp_path: Path
) -> None:
    spelt = spelling(make_model(CONFIG.replace(chunk_quantization=quantization, peek=peek)))
    if taught:
        tiered_st.learn_words(spelt, ["Zyrvexa", "Gutiar"])
    wanted = spelt.encode(TYPED)
    spelt.save(str(tmp_path), create_model_card=False)
    by_torch, alone = tiered_st.load(tmp_path, device="cpu"), load_runtime(tmp_path, precision="float32")
    by_onnx = tiered_st.load(tmp_path, device="cpu", backend="onnx", model_kwargs={"precision": "float32"})
    models = (by_torch, alone, by_onnx, copy.deepcopy(spelt), pickle.loads(pickle.dumps(alone)), alone.twin())
    tolerance = 1e-5 if quantization is None else 2e-2  # where a coarsened value lies on an edge
    for model in models:
        np.testing.assert_allclose(model.encode(TYPED), wanted, atol=tolerance)
        assert model_fingerprint(model) == model_fingerprint(spelt)
    assert model_fingerprint(SavedModel(tmp_path)) == model_fingerprint(spelt)
    tiered_st.set_lexicon(spelt, WORDS)
    assert model_fingerprint(SavedModel(tmp_path)) != model_fingerprint(spelt)
    assert "spelling" not in spelt[0].get_config_dict()


def test_an_exported_and_a_tabulated_model_read_so_too(spelt: SentenceTransformer, tmp_path: Path) -> None:
    tiered_st.export(spelt, tmp_path / "exported", "float32")
    np.testing.assert_allclose(load_runtime(tmp_path / "exported").encode(TYPED), spelt.encode(TYPED), atol=1e-5)
    wanted = spelt.encode(TYPED)
    tabulate(spelt, ["the cta"], storage="float32")
    np.testing.assert_allclose(spelt.encode(TYPED), wanted, atol=1e-5)
    spelt.save(str(tmp_path / "tabulated"), create_model_card=False)
    alone = load_runtime(tmp_path / "tabulated", precision="float32")
    np.testing.assert_allclose(alone.encode(TYPED), wanted, atol=1e-5)


def test_changed_weights_are_read_anew(spelt: SentenceTransformer) -> None:
    spelt.encode(TYPED)
    with torch.no_grad():
        for weight in spelt[0].parameters():
            weight.mul_(1.3)
    other = spelling(make_model(CONFIG))
    other.load_state_dict(spelt.state_dict())
    np.testing.assert_allclose(spelt.encode(TYPED), other.encode(TYPED), atol=1e-6)


def test_it_learns_while_it_reads_so(spelt: SentenceTransformer) -> None:
    spellings = spelt[0].source.spellings
    features = spelt.preprocess(TYPED)
    spelt.train()
    optimizer, read = torch.optim.SGD(spelt.parameters(), lr=1e-4), []
    for _ in range(60):
        optimizer.zero_grad()
        spelt[0](dict(features))["chunk_embeddings"].square().sum().backward()
        optimizer.step()
        read.append(spellings._keys)
    assert sum(a is not b for a, b in pairwise(read)) == 1  # read again after fifty steps
    gradient = spelt[0].chunk_projector.memory.query.weight.grad
    assert gradient is not None and gradient.abs().max() > 0
    spelt.eval()
    fresh = spelling(make_model(CONFIG))
    fresh.load_state_dict(spelt.state_dict())
    np.testing.assert_allclose(spelt.encode(TYPED), fresh.encode(TYPED), atol=1e-6)


def test_threads_read_the_words_once(spelt: SentenceTransformer, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = make_spelt().encode(TYPED)
    calls = []
    read = Spellings._read
    monkeypatch.setattr(Spellings, "_read", lambda self, device: calls.append(1) or read(self, device))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: spelt.encode(TYPED), range(16)))
    assert calls == [1]
    for vectors in found:
        np.testing.assert_allclose(vectors, wanted, atol=1e-6)


def make_spelt() -> SentenceTransformer:
    return spelling(make_model(CONFIG))


def _encode(folder: str) -> np.ndarray:
    return load_runtime(folder).encode(TYPED)


def test_another_process_reads_alike(spelt: SentenceTransformer, tmp_path: Path) -> None:
    spelt.save(str(tmp_path), create_model_card=False)
    wanted = _encode(str(tmp_path))
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert np.array_equal(pool.submit(_encode, str(tmp_path)).result(), wanted)


def test_a_process_forked_while_words_were_read_reads_them_itself(spelt: SentenceTransformer, tmp_path: Path) -> None:
    spelt.save(str(tmp_path), create_model_card=False)
    alone = load_runtime(tmp_path, precision="float32")
    for model, spellings in ((spelt, spelt[0].source.spellings), (alone, alone.chunks.spellings)):
        spellings._lock.acquire()  # by a thread that is not in the forked process
        spellings.after_fork()
        np.testing.assert_allclose(model.encode(TYPED), make_spelt().encode(TYPED), atol=1e-5)


def test_a_graph_holds_the_words_or_says_how(spelt: SentenceTransformer) -> None:
    features = {k: v for k, v in spelt.preprocess(TYPED + KNOWN).items() if k in ("input_ids", "attention_mask")}
    with torch.no_grad():
        wanted = spelt(dict(features))["sentence_embedding"]
        with pytest.raises(ValueError, match=r"call model\[0\].prepare_graph\(\) before it is exported"):
            torch.jit.trace(spelt, (dict(features),), strict=False, check_trace=False)
        spelt[0].prepare_graph()
        written = torch.jit.trace(spelt, (dict(features),), strict=False, check_trace=False)
        torch.testing.assert_close(written(dict(features))["sentence_embedding"], wanted, atol=1e-5, rtol=0)
        spelt[0].char_encoder.embedding.weight.mul_(1.5)
        spelt(dict(features))
        with pytest.raises(ValueError, match=r"call model\[0\].prepare_graph\(\)"):  # of other weights
            torch.jit.trace(spelt, (dict(features),), strict=False, check_trace=False)


def test_what_cannot_be_is_refused(plain: SentenceTransformer, tmp_path: Path) -> None:
    for wrong in (-1, True, 2.5, "all"):
        with pytest.raises(ValueError, match="must be how many of the words given"):
            tiered_st.set_lexicon(plain, WORDS, spelling=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be how many of the words given"):
        tiered_st.set_lexicon(plain, None, spelling=5)
    for config, reason in (
        ({"memory_slots": 0, "memory_values": 0}, "memory_slots=0"),
        ({"char_span": "text"}, "char_span='text'"),
    ):
        with pytest.raises(ValueError, match=f"cannot read words again as those of a list, it has {reason}"):
            tiered_st.set_lexicon(make_model(CONFIG.replace(**config)), WORDS, spelling=5)
    for wrong in ({"words": 2}, {"words": 9, "floor": 1 / 3}, {"words": 9, "floor": -0.1}):
        with pytest.raises(ValueError, match=r"at least one candidate, and no more than there are words.* a floor"):
            SpellingConfig(**wrong)
    assert plain[0].lexicon is None
    tiered_st.set_lexicon(plain, WORDS, spelling=2)  # fewer than there are candidates
    plain.save(str(tmp_path), create_model_card=False)
    content = json.loads((tmp_path / "config.json").read_text())
    assert content["spelling"]["words"] == content["spelling"]["candidates"] == 2
    (tmp_path / "config.json").write_text(json.dumps({k: v for k, v in content.items() if k != "lexicon"}))
    file = tmp_path / "model.safetensors"
    for _ in range(2):  # the list is in the file, and is not
        for load in (tiered_st.load, load_runtime):
            with pytest.raises(ValueError, match="lexicon"):
                load(tmp_path)
        save_file({k: v for k, v in load_file(file).items() if not k.startswith("lexicon")}, file, {"format": "pt"})


def test_words_that_fit_into_no_chunk_are_left_out_and_glyphs_of_bytes_are_spelt() -> None:
    words = SpellingList(SpellingConfig(4, candidates=1), Lexicon(["guitar", "dog", "пес", "안녕"]), CharTokenizer(), 6)
    assert [CharTokenizer().decode(row[row > 0]) for row in words.rows] == ["dog"]
    rows = np.zeros((3, 6), dtype=np.int64)
    for row, text in zip(rows, ["dog", "dgo", "é1"], strict=True):
        ids = CharTokenizer().encode(text)
        row[0], row[1 : 1 + len(ids)] = words.rows[0, 0], ids
    assert words.doubtful(rows).tolist() == [1, 2]


def test_rows_of_marks_alone_have_no_word() -> None:
    rows = np.array([[ChunkType.BEGIN], [ChunkType.FINISH]], dtype=np.int64)
    words = SpellingList(SpellingConfig(1, candidates=1), Lexicon(["dog"]), CharTokenizer(), 6)
    assert words.doubtful(rows).tolist() == [] and CharTokenizer().spelt(rows[:, 1:]) == ["", ""]


def test_words_in_bytes_are_known_and_another_script_is_no_misspelling() -> None:
    def doubtful(listed: list[str], texts: list[str]) -> list[str]:
        model = make_model(CONFIG)
        model[0].set_lexicon(Lexicon(listed), SpellingConfig(2, candidates=1))
        rows = model[0].reader.read(texts).input_ids[:, 1]
        return [texts[i] for i in model[0].source.spellings.words.doubtful(rows)]

    texts = ["dgo", "пес", "кіт", "д\ud83d", "pес", "漢字", "ไทย", "3", "!"]
    assert doubtful(["dog", "cat"], texts) == ["dgo", "pес"]
    assert doubtful(["пес", "dog"], texts) == ["dgo", "кіт", "д\ud83d", "pес"]


def test_a_shipped_model_finds_the_word_that_was_meant() -> None:
    model = tiered_st.load("en-nano", device="cpu")
    words = list(model[0].lexicon.words)
    pairs = {"entrence": "entrance", "recieve": "receive", "accomodate": "accommodate", "definately": "definitely"}
    tiered_st.set_lexicon(model, words)
    before = np.sum(model.encode(list(pairs)) * model.encode(list(pairs.values())), axis=1)
    tiered_st.set_lexicon(model, words, spelling=8_000)
    after = np.sum(model.encode(list(pairs)) * model.encode(list(pairs.values())), axis=1)
    assert (1 - after < 0.5 * (1 - before)).all(), (before, after)
