"""Documents longer than a model reads: nothing lost, nothing cut inside a word, nothing read before its time."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import TOY, UNICODE, make_model
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer
from without_torch import printed_without_torch

import tiered_st
import tiered_st.runtime
from tiered_st.documents import LongDocument, Passage, encode_long
from tiered_st.documents.passages import PassageCutter

SHARED = make_model()
SENTENCES = [f"Sentence number {i} is about the cat, the dog and {i * i} mice." for i in range(200)]
BOOK = " ".join(SENTENCES)
AWKWARD = [
    "", " ", "a", "\ud800", "\x00", "😂" * 3000, "你好世界。" * 2000, "x" * 20_000, " " * 20_000, "\u0301" * 5000,
    "\ufdfa" * 2000, "㎏" * 3000, "word " * 5000, "a" + " " * 20_000 + "b", "e\u0301" * 4000, "ab\x00cd " * 3000,
    "\u200b" * 10_000, "don't! " * 3000, "!?" * 5000, "x" * 5000 + " " + "\ufdfa" * 300 + "😂y" * 3000,
]  # fmt: skip


def count(text: str) -> int:
    return int(SHARED[0].preprocess([text], max_length=1 << 30)["attention_mask"].sum()) - 2


def check(text: str, passages: list[Passage], chunks: int = 32) -> None:
    """Passages cover the text, in order, and each is what it says it is and no longer than asked."""
    assert passages[0].start == 0 and passages[-1].end == len(text)
    for before, after in pairwise(passages):
        assert before.start < after.start <= before.end < after.end
    for passage in passages:
        assert passage.text == text[passage.start : passage.end]
        assert count(passage.text) <= chunks


# where passages lie


@settings(max_examples=150)
@given(st.lists(UNICODE, max_size=40).map("".join), st.sampled_from([0, 1, 5, 15]))
def test_passages_cover_any_text(text: str, overlap: int) -> None:
    passages = list(PassageCutter(SHARED[0], 32, overlap=overlap)(text))
    check(text, passages)
    if not overlap:
        assert "".join(passage.text for passage in passages) == text


@pytest.mark.parametrize("overlap", [0, 15])
@pytest.mark.parametrize("text", AWKWARD, ids=range(len(AWKWARD)))
def test_passages_cover_awkward_texts(text: str, overlap: int) -> None:
    check(text, list(PassageCutter(SHARED[0], 32, overlap=overlap)(text)))


@settings(max_examples=60)
@given(st.lists(UNICODE, min_size=1, max_size=60), st.integers(1, 50))
def test_pieces_do_not_move_passages(pieces: list[str], size: int) -> None:
    text = "".join(pieces) * 3
    cutter = PassageCutter(SHARED[0], 32, overlap=4)
    whole = list(cutter(text))
    assert list(cutter(pieces * 3)) == whole
    assert list(cutter(text[i : i + size] for i in range(0, len(text), size))) == whole


def test_passages_end_behind_sentences() -> None:
    passages = list(PassageCutter(SHARED[0], 60)(BOOK))
    check(BOOK, passages, 60)
    assert len(passages) < 80
    assert all(passage.text.rstrip().endswith(" mice.") for passage in passages)
    assert all(count(passage.text) > 30 for passage in passages[:-1])


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("word " * 200, "word "),
        ("well-known half-baked " * 100, ("well-known ", "half-baked ")),  # not behind a hyphen
        ("天地玄黄。" * 100, "。"),
        ("“Is it?” " * 100, "“Is it?” "),
        ("a line without an end\n\n" * 100, "\n\n"),
    ],
)
def test_where_passages_end(text: str, end: str | tuple[str, ...]) -> None:
    passages = list(PassageCutter(SHARED[0], 32)(text))
    assert len(passages) > 5 and all(passage.text.endswith(end) for passage in passages)


def test_an_overlap_starts_with_a_word_and_is_as_long_as_asked() -> None:
    passages = list(PassageCutter(SHARED[0], 40, overlap=10)(BOOK))
    check(BOOK, passages, 40)
    for before, after in pairwise(passages):
        assert 5 <= count(BOOK[after.start : before.end]) <= 10
        assert BOOK[after.start - 1] == " "


# embeddings


def test_embeddings_are_those_of_the_passages() -> None:
    documents = [BOOK, "", "short", SENTENCES[0] * 20]
    results = list(encode_long(SHARED, documents, chunks=50, overlap=5, batch_size=7))
    assert len(results) == 4
    for text, result in zip(documents, results, strict=True):
        check(text, result.passages, 50)
        expected = SHARED.encode([passage.text for passage in result.passages])
        np.testing.assert_allclose(result.embeddings, expected, atol=1e-5, rtol=0)
        assert result.vector.shape == (TOY.d_sem,) and abs(np.linalg.norm(result.vector) - 1) < 1e-5


def test_an_empty_document_is_one_empty_passage() -> None:
    for nothing in ("", [], [""], io.StringIO()):
        (result,) = encode_long(SHARED, [nothing], chunks=32)
        assert result.passages == [Passage(0, 0, "")]
        np.testing.assert_allclose(result.embeddings, SHARED.encode([""]), atol=1e-6)
        np.testing.assert_allclose(result.vector, SHARED.encode(""), atol=1e-6)


def test_no_documents() -> None:
    assert list(encode_long(SHARED, [])) == []


def test_strings_streams_and_files_are_alike() -> None:
    whole, pieces, file = encode_long(SHARED, [BOOK, SENTENCES_WITH_SPACES, io.StringIO(BOOK)])
    assert whole.passages == pieces.passages == file.passages
    np.testing.assert_allclose(whole.embeddings, pieces.embeddings, atol=1e-5)
    np.testing.assert_allclose(whole.embeddings, file.embeddings, atol=1e-5)


SENTENCES_WITH_SPACES = [part for sentence in SENTENCES for part in (sentence, " ")][:-1]


def test_the_documents_vector_weighs_passages_by_length() -> None:
    embeddings = np.array([[1, 0], [0, 1]], dtype=np.float32)
    vector = LongDocument([Passage(0, 30, ""), Passage(30, 40, "")], embeddings).vector
    np.testing.assert_allclose(vector, np.array([3, 1]) / np.sqrt(10), atol=1e-6)


def test_texts_can_be_left_out() -> None:
    (result,) = encode_long(SHARED, [BOOK], keep_text=False)
    assert {passage.text for passage in result.passages} == {""}
    assert result.passages[-1].end == len(BOOK)


def test_the_models_prompt_counts(model: SentenceTransformer) -> None:
    model.prompts, model.default_prompt_name = {"document": "a text to be found: "}, "document"
    limit = TOY.max_chunks - 2 - 6
    (result,) = encode_long(model, [BOOK], chunks=limit)
    expected = model.encode([passage.text for passage in result.passages])
    np.testing.assert_allclose(result.embeddings, expected, atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match=rf"chunks={limit + 1} must lie between 20 and {limit}"):
        encode_long(model, [BOOK], chunks=limit + 1)
    (plain,) = encode_long(model, [BOOK], chunks=limit, prompt="")
    np.testing.assert_allclose(plain.embeddings, SHARED.encode([p.text for p in plain.passages]), atol=1e-5, rtol=0)


def test_nothing_is_cut_off_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    SHARED[0].reader._warned = False
    list(encode_long(SHARED, [BOOK, *AWKWARD[:12]], chunks=TOY.max_chunks - 2))
    assert not caplog.records


# streams


def test_a_stream_is_read_no_further_than_needed() -> None:
    read = []

    def documents() -> Iterator[Iterator[str]]:
        for number in range(1000):
            yield pieces(number)

    def pieces(number: int) -> Iterator[str]:
        for sentence in SENTENCES[:50]:
            read.append(number)
            yield sentence + " "

    results = encode_long(SHARED, documents(), chunks=32, batch_size=4)
    assert read == []
    next(results)
    assert max(read) <= 1  # one document has more passages than a batch
    next(results)
    assert max(read) <= 2


def test_a_document_without_end_is_embedded_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    read, encoded = [0], []
    encode = SHARED.encode
    spy = lambda texts, **options: encoded.append((read[0], texts)) or encode(texts, **options)  # noqa: E731
    monkeypatch.setattr(SHARED, "encode", spy)

    def endless() -> Iterator[str]:
        for i in range(300):
            read[0] += 1
            yield SENTENCES[i % 200] + " "

    (result,) = encode_long(SHARED, [endless()], chunks=32, batch_size=8, keep_text=False)
    assert encoded[0][0] < 100 and all(len(texts) <= 8 for _, texts in encoded)
    assert len(result.passages) == len(result.embeddings) > 75


def test_passages_are_batched_across_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, encode = [], SHARED.encode
    spy = lambda texts, **options: sizes.append(len(texts)) or encode(texts, **options)  # noqa: E731
    monkeypatch.setattr(SHARED, "encode", spy)
    assert len(list(encode_long(SHARED, SENTENCES[:50], batch_size=16))) == 50
    assert sizes == [16, 16, 16, 2]


def test_frequent_words_are_encoded_once_across_the_stream(
    model: SentenceTransformer, counted: Callable[[SentenceTransformer], list[int]]
) -> None:
    calls = counted(model)
    list(encode_long(model, ["the cat sat on the mat"] * 50, batch_size=5))
    assert calls == [7]  # five words and two marks


# what is refused


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"chunks": 5}, "chunks=5 must lie between 20 and 62"),
        ({"chunks": 63}, "chunks=63 must lie between 20 and 62"),
        ({"chunks": 40, "overlap": 20}, "overlap=20 must lie between 0 and less than half of chunks=40"),
        ({"overlap": -1}, "overlap=-1"),
        ({"batch_size": 0}, "batch_size=0 must be at least 1"),
        ({"chunks": "48"}, "chunks='48' is a str: give a whole number"),
        ({"chunks": 48.0}, "chunks=48.0 is a float"),
        ({"overlap": "5"}, "overlap='5' is a str"),
        ({"overlap": None}, "overlap=None is a NoneType"),
        ({"batch_size": True}, "batch_size=True is a bool"),
        ({"batch_size": None}, "batch_size=None is a NoneType"),
    ],
)
def test_settings_that_do_not_fit(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        encode_long(SHARED, [BOOK], **options)


@pytest.mark.parametrize("document", ["a text", io.StringIO("a file")])
def test_a_single_document_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="single document: give an iterable of documents"):
        encode_long(SHARED, document)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"bytes", "A document is a bytes"),
        (5, "A document is a int"),
        (["a", None], "A piece of a document is a NoneType"),
        (io.BytesIO(b"binary"), "A piece of a document is a bytes: give strings, and open files as text"),
    ],
)
def test_what_is_no_text_is_refused(document: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        list(encode_long(SHARED, [document]))


def test_any_encoder_with_a_reader_will_do(tmp_path: Path) -> None:
    SHARED.save(str(tmp_path), create_model_card=False)
    options: dict[str, Any] = {"chunks": 32, "overlap": 4, "prompt": "find: "}
    (own,), (other,) = (encode_long(model, [BOOK], **options) for model in (SHARED, tiered_st.runtime.load(tmp_path)))
    assert own.passages == other.passages
    np.testing.assert_allclose(own.embeddings, other.embeddings, atol=1e-5)


@pytest.mark.parametrize("model", [object(), SentenceTransformer(modules=[torch.nn.Identity()], device="cpu")])
def test_what_has_no_reader_is_refused(model: Any) -> None:
    with pytest.raises(ValueError, match=r"a (object|Identity) has no TextReader: give a model of tiered_st"):
        encode_long(model, [BOOK])


def test_torch_is_not_needed(tmp_path: Path) -> None:
    SHARED.save(str(tmp_path), create_model_card=False)
    code = """
import sys, tiered_st, tiered_st.runtime
(document,) = tiered_st.encode_long(tiered_st.runtime.load(sys.argv[1]), ["a word " * 100], chunks=20)
print(len(document.passages), document.embeddings.shape)
"""
    assert printed_without_torch(code, tmp_path) == "10 (10, 32)"


def test_it_is_offered_by_the_package() -> None:
    assert tiered_st.encode_long is encode_long


@pytest.mark.parametrize(
    ("documents", "cure"),
    [
        ({"doc-1": "a text"}, r"mapping, which iterates over its keys: give its texts, list\(….values\(\)\)"),
        ({"a text", "another"}, "set, which has no order"),
        ([{"text": "a text"}], "A document is a dict: give a str"),
        ([{"a text", "another"}], "A document is a set: give a str"),
    ],
)
def test_keys_are_not_taken_for_texts(toy: SentenceTransformer, documents: object, cure: str) -> None:
    with pytest.raises((ValueError, TypeError), match=cure):
        list(encode_long(toy, documents))  # type: ignore[arg-type]


def test_columns_are_not_taken_for_texts(toy: SentenceTransformer) -> None:
    table = pytest.importorskip("pandas").DataFrame({"id": ["1"], "text": ["a text"]})
    with pytest.raises(TypeError, match=r"documents is a DataFrame: pass list\(table\[\"text\"\]\)"):
        encode_long(toy, table)


@pytest.mark.parametrize("chunks", [20, 60])
def test_passages_lie_where_they_did_when_all_was_read_and_counted(
    chunks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [BOOK, *AWKWARD, "a-b " * 900 + "x-" * 900 + " the end. " * 90, "one\x0btwo \x00three" * 300]
    quick, reads = PassageCutter(SHARED[0], chunks), []
    monkeypatch.setattr(quick, "_count", lambda text: reads.append(text) or count(text))
    found = [list(quick(text)) for text in texts]
    assert not any(text in BOOK for text in reads if len(text) > 20)  # plain text is not read to be counted
    whole = PassageCutter(SHARED[0], chunks)
    monkeypatch.setattr("tiered_st.documents.passages._NEAR", 1 << 20)
    monkeypatch.setattr(whole, "_is_read_as_it_is", lambda window, end: False)
    assert found == [list(whole(text)) for text in texts]
