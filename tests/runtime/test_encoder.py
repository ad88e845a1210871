"""What ``encode`` takes and gives, beside SentenceTransformer's; and that nothing moves a text's vector."""

from __future__ import annotations

import copy
import inspect
import logging
import os
import pickle
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import TOY, make_model
from runtime_tools import cosines, loaded
from sentence_transformers import SentenceTransformer

import tiered_st
from tiered_st.runtime import RuntimeEncoder, load

TEXTS = ["a b", "c", "d e f"]
WORDS = ["".join(random.Random(i).choices("abcdefgh", k=1 + i % 25)) for i in range(300)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    model = make_model(TOY.replace(segments=2))
    model.prompts = {"query": "query: ", "document": "text: "}
    model.save(str(path), create_model_card=False)
    return path


@pytest.fixture(scope="module")
def torch_model(folder: Path) -> SentenceTransformer:
    return tiered_st.load(folder, device="cpu")


@pytest.fixture
def encoder(folder: Path) -> RuntimeEncoder:
    return load(folder, threads=1)


@pytest.mark.parametrize("name", ["encode", "encode_query", "encode_document"])
def test_signatures_are_those_of_sentence_transformers(name: str) -> None:
    theirs = dict(inspect.signature(getattr(SentenceTransformer, name)).parameters)
    ours = dict(inspect.signature(getattr(RuntimeEncoder, name)).parameters)
    del theirs["kwargs"]
    assert [(p.name, p.default, p.kind) for p in list(ours.values())[: len(theirs)]] == [
        (p.name, p.default, p.kind) for p in theirs.values()
    ]
    assert list(ours)[len(theirs) :] == ["task", "max_length"]


@pytest.mark.parametrize(
    "given",
    [
        TEXTS, tuple(TEXTS), np.array(TEXTS), np.array(TEXTS, dtype=object), [("a", "b"), "c"], [["a", "b"], ["c"]],
        "a b", np.str_("a b"), {"text": "a b"}, [{"text": "a b"}, {"text": ("a", "b")}], ("a", "b"),
        ["\ud800", "a\x00b", "\udfff\ud800", "", "\n", "\u200b" * 50],
    ],
)  # fmt: skip
def test_inputs_are_taken_as_sentence_transformers_takes_them(
    given: Any, encoder: RuntimeEncoder, torch_model: SentenceTransformer
) -> None:
    np.testing.assert_allclose(encoder.encode(given), torch_model.encode(given), rtol=0, atol=1e-5)


def test_more_sequences_are_taken_than_there(encoder: RuntimeEncoder) -> None:
    expected = encoder.encode(TEXTS)
    for given in ((text for text in TEXTS), dict(enumerate(TEXTS)).values(), iter(TEXTS)):
        np.testing.assert_array_equal(encoder.encode(given), expected)


@pytest.mark.parametrize(
    "given", [None, 3, True, b"abc", {"a": "b"}, ["a", None], ["a", 3], [["a", 3]], [[]], [float("nan")], {"a", "b"}]
)
def test_what_is_no_text_is_refused_in_the_same_words(
    given: Any, encoder: RuntimeEncoder, torch_model: SentenceTransformer
) -> None:
    with pytest.raises(ValueError) as theirs:
        torch_model.encode(given)
    with pytest.raises(ValueError) as ours:
        encoder.encode(given)
    assert str(ours.value) == str(theirs.value)


def test_what_is_no_text_is_refused_before_anything_is_computed(
    encoder: RuntimeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "semantic", None)
    with pytest.raises(ValueError, match="An input is a NoneType"):
        encoder.encode(["a long text " * 9000] * 200 + [None])


OPTIONS: list[dict[str, Any]] = [
    {"precision": "int8"}, {"precision": "ubinary"}, {"precision": None}, {"truncate_dim": 5},
    {"truncate_dim": 5, "normalize_embeddings": True}, {"truncate_dim": 1000},
    {"truncate_dim": 11, "precision": "binary"},
    {"prompt_name": "query"}, {"prompt": "x "}, {"prompt": "x ", "prompt_name": "query"}, {"prompt": ""},
    {"batch_size": 1}, {"max_length": 3}, {"device": "cpu"}, {"device": torch.device("cpu")}, {"task": "query"},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS)
def test_options_do_what_they_do_there(
    options: dict[str, Any], encoder: RuntimeEncoder, torch_model: SentenceTransformer
) -> None:
    for method in ("encode", "encode_query", "encode_document"):
        if method != "encode" and "task" in options:
            continue
        expected = getattr(torch_model, method)(TEXTS, **options)
        found = getattr(encoder, method)(TEXTS, **options)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(
            found.astype(float), expected.astype(float), rtol=0, atol=1e-5 if found.dtype == np.float32 else 1
        )


def test_positional_options_reach_encode(encoder: RuntimeEncoder) -> None:
    assert encoder.encode_query(TEXTS, None, None, 2, False, "sentence_embedding", "binary").shape == (3, 4)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch_size": 0}, "batch_size=0 must be a whole number, at least 1"),
        ({"batch_size": "2"}, "batch_size='2' must be"),
        ({"truncate_dim": 0}, "truncate_dim=0 must be"),
        ({"truncate_dim": -1}, "truncate_dim=-1 must be"),
        ({"precision": "float16"}, "precision='float16' is not one of float32, int8"),
        ({"output_value": None}, "output_value=None is not one of sentence_embedding, token_embeddings"),
        ({"device": "cuda"}, "device='cuda'"),
        ({"pool": {}}, "pool and chunk_size"),
        ({"prompt_name": "nope"}, "prompt_name='nope' is not one of this model's, which are"),
        ({"prompt": 3}, "prompt=3 must be a text"),
        ({"max_length": 2}, "leaves no room"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(options: dict[str, Any], said: str, encoder: RuntimeEncoder) -> None:
    with pytest.raises(ValueError, match=said):
        encoder.encode(TEXTS, **options)


def test_results_come_in_the_forms_that_are_asked_for(encoder: RuntimeEncoder) -> None:
    assert encoder.encode([]).shape == (0, 32)
    assert encoder.encode([], truncate_dim=3, precision="uint8").dtype == np.uint8
    assert encoder.encode([], output_value="token_embeddings") == []
    assert encoder.encode("a").shape == (32,)
    apart = encoder.encode(TEXTS, convert_to_numpy=False)
    np.testing.assert_array_equal(np.stack(apart), encoder.encode(TEXTS))
    tensor = encoder.encode(TEXTS, convert_to_tensor=True)
    np.testing.assert_array_equal(tensor.numpy(), encoder.encode(TEXTS))
    states = encoder.encode(TEXTS, output_value="token_embeddings", convert_to_tensor=True)
    assert [tuple(own.shape) for own in states] == [(4, 32), (3, 32), (5, 32)]
    assert all(isinstance(own, torch.Tensor) for own in states)
    small = encoder.encode(TEXTS, output_value="token_embeddings", precision="ubinary")
    assert [(own.shape, own.dtype) for own in small] == [((n, 4), np.uint8) for n in (4, 3, 5)]
    with pytest.raises(ValueError, match="give more than one text"):
        encoder.encode("a", precision="int8")


def test_settings_are_checked_where_they_are_set(encoder: RuntimeEncoder) -> None:
    for chunks in (0, 2, 65, "3", 3.0, True):
        with pytest.raises(ValueError, match=f"max_seq_length={chunks!r} must be a whole number from 3 to 64"):
            encoder.max_seq_length = chunks
    encoder.max_seq_length = 5
    assert encoder.module_settings()[0]["max_seq_length"] == 5
    encoder.max_seq_length = None
    assert encoder.max_seq_length == 64
    with pytest.raises(ValueError, match="truncate_dim=0 must be"):
        encoder.truncate_dim = 0
    encoder.truncate_dim = 7
    assert encoder.get_embedding_dimension() == encoder.encode("a").shape[0] == 7
    assert encoder.encode("a", truncate_dim=9).shape == (9,)
    encoder.truncate_dim = 70
    assert encoder.get_embedding_dimension() == 32


def test_a_long_text_is_told_of_once(encoder: RuntimeEncoder, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        assert np.isfinite(encoder.encode(["word " * 200_000, "a", "x" * 1_000_000])).all()
    assert [record.getMessage().count("is longer than the 64 chunks") for record in caplog.records] == [1]


def test_progress_is_shown_where_it_is_asked_for(
    encoder: RuntimeEncoder, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    encoder.encode(TEXTS, show_progress_bar=False)
    encoder.encode(TEXTS)
    assert capsys.readouterr().err == ""
    encoder.encode(TEXTS, show_progress_bar=True)
    assert "3/3" in capsys.readouterr().err
    with caplog.at_level(logging.INFO, "tiered_st.runtime.encoder"):
        encoder.encode(TEXTS)
    assert "3/3" in capsys.readouterr().err


def mixed_texts() -> list[str]:
    """Return texts of 0 to 60 words of 1 to 25 characters, so that all widths that sums are of occur."""
    pick = random.Random(0)
    return ["", *(" ".join(pick.choices(WORDS, k=pick.choice([1, 2, 3, 5, 8, 60]))) for _ in range(60))]


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_vector_depends_on_nothing_that_is_encoded_with_it(precision: str, threads: int, folder: Path) -> None:
    encoder, texts = load(folder, threads=threads, precision=precision), mixed_texts()

    def encode(texts: list[str], size: int) -> np.ndarray:
        assert encoder.chunks.cache is not None
        encoder.chunks.cache.clear()  # so that E1 meets chunks in other company too
        return encoder.encode(texts, batch_size=size)

    alone = np.concatenate([encode([text], 1) for text in texts])
    order = np.random.default_rng(0).permutation(len(texts))
    for size in (1, 3, 32, 64):
        # Pooling adds states up over as many places as the longest text has: that moves the last bit.
        np.testing.assert_allclose(encode(texts, size), alone, rtol=0, atol=2e-7)
        np.testing.assert_allclose(encode([texts[i] for i in order], size), alone[order], rtol=0, atol=2e-7)


@pytest.mark.parametrize("name", ["plain", "layers", "attention"])
def test_a_chunk_has_the_very_same_vector_in_any_company(name: str, tmp_path: Path) -> None:
    settings = {"plain": {"char_layers": 0}, "layers": {}, "attention": {"projector_pooling": "attention"}}[name]
    encoder = loaded(make_model(TOY.replace(**settings)), tmp_path)
    ids = encoder.reader.read(WORDS).input_ids[:, 1]
    assert encoder.chunks.encoder is not None
    encode: Callable[[np.ndarray], np.ndarray] = encoder.chunks.encoder
    alone = np.concatenate([encode(ids[i : i + 1]) for i in range(len(ids))])
    if name == "plain":  # as of the shipped models
        np.testing.assert_array_equal(encode(ids), alone)
    np.testing.assert_allclose(encode(ids), alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_eight_threads_get_the_vectors_of_one(precision: str, tmp_path: Path) -> None:
    encoder, texts = loaded(make_model(TOY.replace(cache_size=8)), tmp_path, precision=precision), mixed_texts()
    expected = encoder.encode(texts)

    def work(seed: int) -> float:
        order = np.random.default_rng(seed).permutation(len(texts))
        found = encoder.encode([texts[i] for i in order], batch_size=1 + seed)
        return float(np.abs(found - expected[order]).max())

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(work, range(24))) <= 2e-7


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_forked_process_encodes_on(threads: int, folder: Path) -> None:
    """ONNX Runtime's threads stay behind, and whoever asks for a product does their share."""
    encoder = load(folder, threads=threads)
    expected = encoder.encode(mixed_texts())
    child = os.fork()
    if not child:
        os._exit(0 if np.array_equal(encoder.encode(mixed_texts()), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("way", [copy.deepcopy, copy.copy, lambda encoder: pickle.loads(pickle.dumps(encoder))])
def test_a_copy_is_the_same_encoder(way: Callable[[RuntimeEncoder], RuntimeEncoder], folder: Path) -> None:
    encoder = load(folder, threads=1, precision="int8")
    encoder.max_seq_length, encoder.truncate_dim, encoder.similarity_fn_name = 9, 8, "dot"
    encoder.prompts, encoder.default_prompt_name = {"own": "own "}, "own"
    other = way(encoder)
    assert (other.precision, other.max_seq_length, other.similarity_fn_name) == ("int8", 9, "dot")
    np.testing.assert_array_equal(other.encode(mixed_texts()), encoder.encode(mixed_texts()))
    assert other.reader is not encoder.reader


@pytest.mark.parametrize("name", tiered_st.pretrained())
def test_shipped_models_agree_with_torch_on_texts_of_all_scripts(name: str) -> None:
    texts = unicode_texts(40)
    expected = tiered_st.load(name, device="cpu").encode(texts)
    assert cosines(load(name, threads=1, precision="float32").encode(texts), expected).min() >= 0.9999
    assert cosines(load(name, threads=1).encode(texts), expected).min() >= 0.99


def unicode_texts(count: int, seed: int = 0) -> list[str]:
    """Return texts of random characters, each of one to three blocks of 128."""
    pick = random.Random(seed)
    texts = []
    for _ in range(count):
        blocks = [128 * pick.choice([*range(8), *range(0x110000 // 128)]) for _ in range(pick.randint(1, 3))]
        characters = [chr(pick.choice(blocks) + pick.randrange(128)) for _ in range(pick.choice([1, 5, 20, 80]))]
        texts.append("".join(c if pick.random() < 0.85 else " " for c in characters))
    return texts
