"""A model that says by the text which word a misspelling means."""

from __future__ import annotations

import copy
import json
import os
import pickle
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TOY, make_model
from safetensors.numpy import load_file, save_file
from sentence_transformers import SentenceTransformer

import tiered_st
from tiered_st.compression import tabulate
from tiered_st.fingerprint import model_fingerprint
from tiered_st.modules.chunk_source import ChunkSource
from tiered_st.modules.spelling_context import SpellingContext
from tiered_st.modules.spellings import Spellings
from tiered_st.runtime import load as load_runtime
from tiered_st.runtime.chunks.chunk_encoder import ChunkEncoder
from tiered_st.saved.saved_model import SavedModel
from tiered_st.text import Lexicon
from tiered_st.text.spelling import ContextConfig, SpellingConfig

WORDS = ["the", "a", "cat", "house", "guitar", "parking", "is", "in", "dog", "of", "garden", "winter"]
CONFIG = TOY.replace(dropout=0.0, memory_slots=8, memory_width=16, memory_values=24)
EAGER = SpellingConfig(9, candidates=3, near=-1.0)  # however an untrained E1 reads, a word is near then
SIZES = ContextConfig(reach=2, width=6, hidden=10, keys=5, candidates=4, margin=40.0, least=-1.0)
READING = replace(SIZES, reading=7, reading_hidden=9)  # its own, by which chunks are compared with the words
KNOWN = ["The cat is in the house, 3 of 4!", "", "👍", "winter garden"]
TYPED = ["teh cta is in teh huose", "gutiar prking", "a dgo \ud83d", "zyrvexa 漢字 пес 3x", "x" * 90]


def in_context(model: SentenceTransformer, sizes: ContextConfig = SIZES) -> SentenceTransformer:
    tiers = model[0]
    tiers.set_lexicon(Lexicon(WORDS), EAGER)
    torch.manual_seed(5)
    context = SpellingContext(sizes, tiers.settings.d_sem, tiers.settings.d_char)
    context.trust.data.fill_(0.1)  # in letters that nobody has learned to read
    tiers.set_spelling_context(context)
    return model


@pytest.fixture(params=[SIZES, READING], ids=["by E1", "by its own"])
def sizes(request: pytest.FixtureRequest) -> ContextConfig:
    return request.param


@pytest.fixture
def model(sizes: ContextConfig) -> SentenceTransformer:
    return in_context(make_model(CONFIG), sizes)


def chunk_vectors(model: SentenceTransformer, text: str) -> torch.Tensor:
    with torch.no_grad():
        return model[0](model.preprocess([text]))["chunk_embeddings"][0]


def without(model: SentenceTransformer) -> SentenceTransformer:
    """Return a model whose texts say nothing; what a chunk may mean by itself is read as before."""
    other, context = copy.deepcopy(model), model[0].spelling_context
    if context.reader is None:
        other[0].set_spelling_context(None)
    else:  # which goes with the context
        other[0].spelling_context.config = replace(context.config, least=1.0)
    return other


def test_one_spelling_has_the_vector_of_what_its_text_means(model: SentenceTransformer) -> None:
    tiers, context = model[0], model[0].spelling_context
    texts = ["the cta is", "a dog of cta"]
    found = [chunk_vectors(model, text) for text in texts]
    alone = [chunk_vectors(without(model), text) for text in texts]
    assert (found[0][2] - found[1][4]).abs().max() > 1e-3  # "cta" behind BEGIN and what stands before it
    torch.testing.assert_close(alone[0][2], alone[1][4])
    for own, other, at in zip(found, alone, (2, 4), strict=True):
        torch.testing.assert_close(np.delete(own.numpy(), at, 0), np.delete(other.numpy(), at, 0))
    # The same by hand, of the first.
    rows = tiers.reader.read(["cta", *WORDS[:9]]).input_ids[:, 1]
    with torch.no_grad():
        read = torch.nn.functional.normalize(tiers.read_spellings(torch.from_numpy(rows)), dim=1)
        scores = EAGER.sharpness * (read[0] @ read[1:].T - EAGER.near) - EAGER.prior * torch.log(torch.arange(9) + 20.0)
        scores, places = scores.topk(4)
        assert (scores > scores[0] - SIZES.margin).all()
        words = tiers.encode_chunks(torch.from_numpy(rows[1:]))[places]
        text, n = alone[0], len(alone[0])
        around = torch.stack([text[0], text[1], text[3], text[4], (text.sum(0) - text[2]) / (n - 1)])
        narrow = (around @ context.narrow.weight.T).flatten()
        state = context.around(narrow).relu()
        state = state + context.hidden(state).relu()
        keys = words @ context.words.weight.T
        fit = keys[:, :-1] @ context.expected(state) + keys[:, -1] + context.trust * scores
        none = context.none(state) + context.none_own(context.narrow(text[2]))
        weights = torch.cat([fit, none]).softmax(0)[:-1]
        wanted = text[2] + SIZES.share * (weights @ words - weights.sum() * text[2])
    torch.testing.assert_close(found[0][2], wanted, atol=1e-5, rtol=0)


def test_what_is_far_from_every_word_stays_what_it_is(tmp_path: Path) -> None:
    far = in_context(make_model(CONFIG), replace(SIZES, least=1.0))
    far.save(str(tmp_path), create_model_card=False)
    np.testing.assert_allclose(far.encode(TYPED), without(far).encode(TYPED), atol=1e-6)
    np.testing.assert_allclose(load_runtime(tmp_path, precision="float32").encode(TYPED), far.encode(TYPED), atol=1e-5)


def test_words_beyond_the_margin_are_not_meant(tmp_path: Path) -> None:
    one, narrow = (
        in_context(make_model(CONFIG), replace(SIZES, **sizes)) for sizes in ({"candidates": 1}, {"margin": 0.0})
    )
    narrow.save(str(tmp_path), create_model_card=False)
    for each in (narrow, load_runtime(tmp_path, precision="float32")):
        np.testing.assert_allclose(each.encode(TYPED), one.encode(TYPED), atol=1e-5)


def test_words_of_the_list_stay_what_they_are(model: SentenceTransformer) -> None:
    np.testing.assert_allclose(model.encode(KNOWN), without(model).encode(KNOWN), atol=1e-6)
    assert np.abs(model.encode(TYPED[:2]) - without(model).encode(TYPED[:2])).max() > 1e-3


def test_a_text_is_read_alike_alone_and_in_any_batch(model: SentenceTransformer, tmp_path: Path) -> None:
    model.save(str(tmp_path), create_model_card=False)
    for each in (model, load_runtime(tmp_path, precision="float32")):
        alone = [each.encode(text) for text in TYPED]
        np.testing.assert_allclose(each.encode(TYPED * 2, batch_size=3), [*alone, *alone], atol=1e-6)
    model[0].set_cache(0)
    np.testing.assert_allclose(model.encode(TYPED), alone, atol=1e-5)


@pytest.mark.parametrize("peek", [False, True])
@pytest.mark.parametrize("taught", [False, True])
def test_it_is_saved_and_read_alike_by_torch_and_without(
    peek: bool, taught: bool, sizes: ContextConfig, tmp_path: Path
) -> None:
    model = in_context(make_model(CONFIG.replace(peek=peek)), sizes)
    if taught:
        tiered_st.learn_words(model, ["Zyrvexa", "Gutiar"])
    wanted = model.encode(TYPED)
    model.save(str(tmp_path), create_model_card=False)
    by_torch, alone = tiered_st.load(tmp_path, device="cpu"), load_runtime(tmp_path, precision="float32")
    by_onnx = tiered_st.load(tmp_path, device="cpu", backend="onnx", model_kwargs={"precision": "float32"})
    for other in (by_torch, alone, by_onnx, copy.deepcopy(model), pickle.loads(pickle.dumps(alone)), alone.twin()):
        np.testing.assert_allclose(other.encode(TYPED), wanted, atol=1e-5)
        assert model_fingerprint(other) == model_fingerprint(model)
    assert model_fingerprint(SavedModel(tmp_path)) == model_fingerprint(model)
    assert model_fingerprint(without(model)) != model_fingerprint(model)


def test_a_chunk_that_reads_like_a_taught_word_is_left_to_it(sizes: ContextConfig, tmp_path: Path) -> None:
    model = in_context(make_model(CONFIG), sizes)
    plain = without(model)
    for each in (model, plain):
        tiered_st.learn_words(each, ["gutiar"])  # cos 1 to itself, less to every word of the list
    model.save(str(tmp_path), create_model_card=False)
    alone = load_runtime(tmp_path, precision="float32")
    np.testing.assert_allclose(model.encode("the gutiar"), plain.encode("the gutiar"), atol=1e-6)
    np.testing.assert_allclose(alone.encode("the gutiar"), plain.encode("the gutiar"), atol=1e-5)
    for each in (model, alone):
        tiered_st.forget_words(each)
        assert np.abs(each.encode("the gutiar") - plain.encode("the gutiar")).max() > 1e-3
        np.testing.assert_allclose(
            each.encode("the gutiar"), in_context(make_model(CONFIG), sizes).encode("the gutiar"), atol=1e-5
        )


@pytest.mark.parametrize("keep_encoder", [True, False])
def test_a_tabulated_model_reads_so_as_long_as_it_has_an_e1(
    keep_encoder: bool, model: SentenceTransformer, tmp_path: Path
) -> None:
    wanted = model.encode(TYPED) if keep_encoder else without(model).encode(TYPED)
    tabulate(model, TYPED, keep_encoder=keep_encoder, storage="float32")
    np.testing.assert_allclose(model.encode(TYPED), wanted, atol=1e-5)
    model.save(str(tmp_path), create_model_card=False)
    for other in (tiered_st.load(tmp_path, device="cpu"), load_runtime(tmp_path, precision="float32")):
        np.testing.assert_allclose(other.encode(TYPED), wanted, atol=1e-5)


def test_changed_weights_are_read_anew(model: SentenceTransformer, sizes: ContextConfig) -> None:
    model.encode(TYPED)
    with torch.no_grad():
        for weight in model[0].parameters():
            weight.mul_(1.3)
    other = in_context(make_model(CONFIG), sizes)
    other.load_state_dict(model.state_dict())
    np.testing.assert_allclose(model.encode(TYPED), other.encode(TYPED), atol=1e-6)


def test_changed_weights_are_read_anew_behind_a_table(model: SentenceTransformer) -> None:
    tabulate(model, [*TYPED, *WORDS], storage="float32")  # E1 is asked for nothing but what may be meant
    model.encode(TYPED)
    with torch.no_grad():
        model[0].chunk_projector.memory.query.weight.copy_(
            torch.randn_like(model[0].chunk_projector.memory.query.weight)
        )
    first = model.encode(TYPED)
    np.testing.assert_allclose(first, copy.deepcopy(model).encode(TYPED), atol=1e-6)
    np.testing.assert_allclose(first, model.encode(TYPED), atol=1e-6)


def test_autocast_leaves_nothing_behind(model: SentenceTransformer) -> None:
    wanted = model.encode(TYPED)
    model[0].source.forget()
    with torch.autocast("cpu", torch.bfloat16):
        model.encode(TYPED)
    np.testing.assert_allclose(model.encode(TYPED), wanted, atol=1e-6)


def test_a_forked_process_does_not_wait_for_a_thread_that_is_not_in_it(
    model: SentenceTransformer, tmp_path: Path
) -> None:
    model.save(str(tmp_path), create_model_card=False)
    alone = load_runtime(tmp_path, precision="float32", threads=1)
    wanted = load_runtime(tmp_path, precision="float32", threads=1).encode(TYPED)
    with alone.chunks.spellings._lock:  # as if a thread were reading the words
        child = os.fork()
        if not child:
            signal.alarm(60)
            os._exit(0 if np.allclose(alone.encode(TYPED), wanted, atol=1e-5) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_words_taught_behind_a_prepared_graph_are_said_to_be_missing(model: SentenceTransformer) -> None:
    model[0].prepare_graph()
    tiered_st.learn_words(model, ["gutiar"])
    features = {key: model.preprocess(TYPED)[key] for key in ("input_ids", "attention_mask")}
    with torch.no_grad(), pytest.raises(ValueError, match="prepare_graph"):
        torch.jit.trace(model.eval(), (features,), strict=False, check_trace=False)


def test_it_stays_what_it_is_while_a_model_learns(model: SentenceTransformer, sizes: ContextConfig) -> None:
    before = {name: value.clone() for name, value in model[0].spelling_context.named_parameters()}
    model.train()
    optimizer = torch.optim.SGD([weight for weight in model.parameters() if weight.requires_grad], lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        model(model.preprocess(TYPED))["sentence_embedding"].square().sum().backward()
        optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in model[0].spelling_context.named_parameters())
    model.eval()
    fresh = in_context(make_model(CONFIG), sizes)
    fresh.load_state_dict(model.state_dict())
    np.testing.assert_allclose(model.encode(TYPED), fresh.encode(TYPED), atol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_it_becomes_one_graph(model: SentenceTransformer) -> None:
    tiered_st.learn_words(model, ["gutiar"])
    model[0].prepare_graph()
    features = {key: model.preprocess(TYPED)[key] for key in ("input_ids", "attention_mask")}
    batch, chunks = torch.export.Dim("batch", min=1, max=64), torch.export.Dim("chunks", min=2, max=64)
    shapes = {key: {0: batch, 1: chunks} for key in features}
    with torch.no_grad():
        graph = torch.export.export(model.eval(), (features,), dynamic_shapes=(shapes,)).module()
        for texts in (TYPED, KNOWN):
            given = {key: model.preprocess(texts)[key] for key in features}
            found = graph(dict(given))["sentence_embedding"]
            torch.testing.assert_close(found, model(dict(given))["sentence_embedding"], atol=1e-5, rtol=0)


def test_threads_share_what_was_found_out(model: SentenceTransformer, tmp_path: Path) -> None:
    model.save(str(tmp_path), create_model_card=False)
    for each in (model, load_runtime(tmp_path, precision="float32", threads=1)):
        wanted = copy.deepcopy(each).encode(TYPED)
        with ThreadPoolExecutor(8) as pool:
            for found in pool.map(each.encode, [TYPED] * 32):
                np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_e1_reads_a_new_misspelling_and_once_all_that_it_may_mean(
    model: SentenceTransformer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself or in its text: each pass over the memory costs more than a few words in it."""
    model.save(str(tmp_path), create_model_card=False)
    runtime = load_runtime(tmp_path, precision="float32")
    read: list[int] = []
    for owner, name in ((ChunkSource, "run"), (ChunkEncoder, "__call__"), (ChunkEncoder, "encoded")):
        counted = getattr(owner, name)
        monkeypatch.setattr(
            owner, name, lambda self, rows, *a, f=counted, **k: read.append(len(rows)) or f(self, rows, *a, **k)
        )
    for each in (model, runtime):
        each.encode(["the dog"])
        read.clear()
        each.encode(["the gutiar"])
        if each is model:
            assert read[0] == 1 and len(read) == 2, read
        else:  # which asks what a chunk may mean before it passes over the memory at all
            assert len(read) == 1 and read[0] > 1, read
        read.clear()
        each.encode(["a gutiar of gutiar"])  # what it may mean is known, "a" and "of" are not
        assert read == [2], read


def test_a_reading_of_its_own_finds_other_words(tmp_path: Path) -> None:
    """Where it says that a chunk reads as "parking" does, that is what is meant, however E1 reads it."""
    model = in_context(make_model(CONFIG), replace(READING, candidates=1))
    tiers = model[0]
    rows = torch.from_numpy(tiers.reader.read(["gutiar", *WORDS]).input_ids[:, 1])
    with torch.no_grad():
        pooled = tiers.pool_chunks(rows)
        reader = tiers.spelling_context.reader
        for weight in (reader.linear.weight, reader.hidden.weight, reader.hidden_out.weight):
            weight.zero_()
        # The axis on which the chunk and "parking" are alike, and other words are not.
        wanted = torch.full((len(rows),), -1.0)
        wanted[[0, 1 + WORDS.index("parking")]] = 1.0
        reader.linear.weight[0] = torch.linalg.lstsq(pooled, wanted[:, None]).solution[:, 0]
        found = tiers.source.spellings.candidates(tiers.read_spellings(rows[:1]), tiers.spelling_context.config)
    assert WORDS[int(found[1][0, 0])] == "parking"
    model.save(str(tmp_path), create_model_card=False)
    np.testing.assert_allclose(
        load_runtime(tmp_path, precision="float32").encode(TYPED), model.encode(TYPED), atol=1e-5
    )  # fmt: skip


@pytest.mark.parametrize("before", [SIZES, READING])
@pytest.mark.parametrize("after", [None, SIZES, READING, replace(READING, reading=CONFIG.memory_width)])
def test_another_context_is_read_by_at_once_while_a_model_learns(
    before: ContextConfig, after: ContextConfig | None
) -> None:
    model = in_context(make_model(CONFIG), before).train()
    features = model.preprocess(TYPED)
    model(dict(features))
    context = None if after is None else SpellingContext(after, CONFIG.d_sem, CONFIG.d_char)
    model[0].set_spelling_context(context)
    found, wanted = (each(dict(features))["sentence_embedding"] for each in (model, copy.deepcopy(model)))
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=0)


def test_how_taught_words_read_by_weights_of_before_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    model = in_context(make_model(CONFIG), READING)
    tiered_st.learn_words(model, ["gutiar", "zyrvexa"])
    read = Spellings._read_words

    def overtaken(self: Spellings, rows: torch.Tensor) -> torch.Tensor:
        found = read(self, rows)
        if len(rows) == 2:  # the taught words: meanwhile weights change, and another thread notices
            monkeypatch.setattr(Spellings, "_read_words", read)
            with torch.no_grad():
                model[0].spelling_context.reader.linear.weight.normal_()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(model.encode, TYPED).result()
        return found

    monkeypatch.setattr(Spellings, "_read_words", overtaken)
    model.encode(TYPED)
    assert Spellings._read_words is read
    model[0].source.forget()
    np.testing.assert_allclose(model.encode(TYPED), copy.deepcopy(model).encode(TYPED), atol=1e-6)


def test_chunks_are_read_alike_in_blocks(
    model: SentenceTransformer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiered_st.learn_words(model, ["Zyrvexa"])
    model.save(str(tmp_path), create_model_card=False)
    wanted = load_runtime(tmp_path, precision="float32").encode([*TYPED, *KNOWN])
    monkeypatch.setattr("tiered_st.runtime.chunks.chunk_vectors._BLOCK", 2)
    np.testing.assert_array_equal(load_runtime(tmp_path, precision="float32").encode([*TYPED, *KNOWN]), wanted)


def test_another_list_knows_other_words(model: SentenceTransformer) -> None:
    tiered_st.set_lexicon(model, WORDS, spelling=5)
    assert model[0].spelling_context is None
    assert "spelling_context" not in model[0].get_config_dict()


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    context = SpellingContext(SIZES, CONFIG.d_sem, CONFIG.d_char)
    for reading in ({"reading": 8}, {"reading_hidden": 8}, {"reading": 2.5, "reading_hidden": 3}, {"reading": "7"}):
        with pytest.raises(ValueError, match="both widths of a reading, whole numbers, or neither"):
            replace(SIZES, **reading)
    with pytest.raises(ValueError, match=r"characters of 8 dimensions: this model's have"):
        in_context(make_model(CONFIG))[0].set_spelling_context(SpellingContext(READING, CONFIG.d_sem, 8))
    with pytest.raises(ValueError, match="no list of words"):
        make_model(CONFIG)[0].set_spelling_context(context)
    coarse = make_model(CONFIG.replace(chunk_quantization="int8"))
    coarse[0].set_lexicon(Lexicon(WORDS), EAGER)
    with pytest.raises(ValueError, match="chunk_quantization='int8'"):
        coarse[0].set_spelling_context(context)
    with pytest.raises(ValueError, match="of 8 dimensions"):
        in_context(make_model(CONFIG))[0].set_spelling_context(SpellingContext(SIZES, 8, CONFIG.d_char))
    with pytest.raises(ValueError, match="counts from 1"):
        ContextConfig(reach=0)
    in_context(make_model(CONFIG)).save(str(tmp_path), create_model_card=False)
    config = json.loads((tmp_path / "config.json").read_text())
    listless = {name: value for name, value in config.items() if name != "spelling"}
    (tmp_path / "config.json").write_text(json.dumps(listless))
    for load in (tiered_st.load, load_runtime):
        with pytest.raises(ValueError, match=r"no list of words|without spelling"):
            load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    weights = load_file(tmp_path / "model.safetensors")
    weights.pop("spelling_context.trust")
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt", "storage": "float32"})
    for load in (tiered_st.load, load_runtime):
        with pytest.raises(ValueError, match=r"spelling_context\.trust"):
            load(tmp_path)
