"""The face of a Hugging Face tokenizer: tokens are chunks, nothing is lost, and rows can be spelt out."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from conftest import TOY, UNICODE, make_model
from hypothesis import given
from sentence_transformers import SentenceTransformer
from transformers import PreTrainedTokenizerBase

from tiered_st.model import load, path

TEXT = "Hello,  World (yes) don't\n\nREAD iPhone 漢字漢字漢 😂 " + "x" * 80 + " a.b ... . end  "


def test_tokens_are_the_text_and_as_many_as_the_model_reads(toy: SentenceTransformer) -> None:
    tokenizer = toy.tokenizer
    assert isinstance(tokenizer, PreTrainedTokenizerBase)
    assert tokenizer.tokenize("Hello,  World") == ["Hello", ",  ", "World"]
    assert "".join(tokenizer.tokenize(TEXT)) == TEXT
    ids = tokenizer.encode(TEXT)
    assert len(ids) == toy[0].preprocess([TEXT], max_length=1000)["attention_mask"].sum()
    assert ids[0] == tokenizer.cls_token_id == 4 and ids[-1] == tokenizer.sep_token_id == 5
    assert tokenizer.decode(ids, skip_special_tokens=True) == TEXT
    assert tokenizer.decode(ids) == "[BEGIN]" + TEXT + "[FINISH]"
    assert tokenizer.encode(TEXT, add_special_tokens=False) == ids[1:-1]
    windows = [ids[1:-1][i : i + 3] for i in range(0, len(ids) - 2, 3)]
    assert "".join(map(tokenizer.decode, windows)) == TEXT
    assert tokenizer.convert_tokens_to_ids(tokenizer.convert_ids_to_tokens(ids)) == ids


@given(text=UNICODE)
def test_every_text_comes_back_as_read(toy: SentenceTransformer, text: str) -> None:
    tokenizer = toy.tokenizer
    normal = toy[0].characters.normalize_all([text])[0][:-1].tobytes().decode("utf-32-le", "surrogatepass")
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids) == (normal if ids else "")
    assert tokenizer.encode(normal, add_special_tokens=False) == ids


TEXTS = [TEXT, "b", "", "THE cat (a [b]) sat!? 5 % of it", "ไทยภาษา กก カタカナ 漢字 漢字漢", "don't - stop... now"]


@pytest.mark.parametrize("changes", [{}, {"segments": 2}, {"lowercase": False}, {"chunker": "windows", "stride": 20,
    "window": 24}, {"chunker": "windows", "window": 24, "stride": 24}])  # fmt: skip
def test_rows_spell_a_text_that_gives_the_same_rows(changes: dict) -> None:
    tiers = make_model(TOY.replace(**changes))[0]
    rows = tiers.preprocess(TEXTS, max_length=200)["input_ids"]
    texts = tiers.tokenizer.batch_decode(rows, skip_special_tokens=True)
    assert torch.equal(tiers.preprocess(texts, max_length=200)["input_ids"], rows)
    if not changes:
        assert texts[3] == "THE cat (a [b]) sat!? 5% of it"
        assert tiers.tokenizer.decode(rows[1]) == "[BEGIN] b [FINISH]"


def test_a_pair_is_spelt_line_by_line() -> None:
    tokenizer = make_model(TOY.replace(segments=2)).tokenizer
    features = tokenizer(["the cat"], ["a dog"], return_tensors="pt")
    assert features["token_type_ids"].tolist() == [[0, 0, 0, 0, 1, 1, 1]]
    assert tokenizer.batch_decode(features["input_ids"], skip_special_tokens=True) == ["the cat\na dog"]


def test_padding_truncation_and_tensors(toy: SentenceTransformer) -> None:
    tokenizer = toy.tokenizer
    batch = tokenizer(["a b c d", "e"], padding=True, truncation=True, max_length=4)
    assert [len(ids) for ids in batch["input_ids"]] == [4, 4]
    assert batch["attention_mask"] == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert batch["input_ids"][1][3] == tokenizer.pad_token_id == 0
    assert len(tokenizer("a b c d", padding="max_length", max_length=9)["input_ids"]) == 9
    assert len(tokenizer.encode("a " * 900, max_length=2**32, truncation="do_not_truncate")) == 902
    assert len(tokenizer.encode("a " * 900, truncation=True)) == toy.max_seq_length == tokenizer.model_max_length
    features = tokenizer(["a b c d", "e"], padding=True, return_tensors="pt")
    assert torch.equal(features["input_ids"], toy.preprocess(["a b c d", "e"])["input_ids"])
    torch.testing.assert_close(
        toy(dict(features))["sentence_embedding"], toy.encode(["a b c d", "e"], convert_to_tensor=True)
    )
    wide = tokenizer(["a"], padding="max_length", max_length=7, return_tensors="np")
    assert wide["input_ids"].shape == (1, 7, TOY.chunk_chars) and wide["attention_mask"].tolist() == [[1] * 3 + [0] * 4]


def test_what_it_has_not_is_refused(toy: SentenceTransformer) -> None:
    with pytest.raises(ValueError, match="no return_offsets_mapping"):
        toy.tokenizer("a", return_offsets_mapping=True)
    with pytest.raises(ValueError, match="between marks"):
        toy.tokenizer("a", return_tensors="tf")
    with pytest.raises(ValueError, match="Nothing can be added"):
        toy.tokenizer.add_tokens(["word"])
    with pytest.raises(ValueError, match="no id of this tokenizer"):
        toy.tokenizer.decode([-1])


def test_the_vocabulary_says_who_reads_alike(toy: SentenceTransformer) -> None:
    vocabulary = toy.tokenizer.get_vocab()
    assert len(vocabulary) == len(toy.tokenizer) == toy.tokenizer.vocab_size == 512
    assert vocabulary == copy.deepcopy(toy).tokenizer.get_vocab() == pickle.loads(pickle.dumps(toy)).tokenizer.vocab
    assert vocabulary != make_model(TOY.replace(lowercase=False)).tokenizer.vocab
    assert vocabulary != dict(vocabulary)
    learned = make_model(TOY.replace(chunker="learned")).tokenizer.vocab
    assert learned == learned and learned != make_model(TOY.replace(chunker="learned")).tokenizer.vocab


def test_the_longest_length_is_the_models(model: SentenceTransformer) -> None:
    model.tokenizer.model_max_length = 7
    assert model.max_seq_length == 7
    model.max_seq_length = 8
    assert model.tokenizer.model_max_length == 8
    assert copy.deepcopy(model).tokenizer.model_max_length == 8


def test_the_path_of_a_shipped_model() -> None:
    assert load(path("en-nano"), device="cpu").encode("a").shape == (384,)
    ships = "en-es, en-mini, en-nano, en-small"
    with pytest.raises(ValueError, match=f"No shipped model is called 'nope': choose from {ships}"):
        path("nope")
