"""Whole models of every chunker: any text, the same vector in any company, and after saving in a new process."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TOY, UNICODE, make_model
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer
from torch.utils.data import DataLoader

from tiered_st.config import TieredConfig
from tiered_st.model import load
from tiered_st.modules import TieredInput
from tiered_st.text import ChunkType
from tiered_st.text.tokenizer import PAD, CharTokenizer

CONFIGS = {
    "windows": TOY.replace(chunker="windows", window=16, stride=16),
    "overlapping": TOY.replace(chunker="windows", window=12, stride=5),
    "long windows": TOY.replace(chunker="windows", window=40, stride=40, chunk_chars=41),
    "learned": TOY.replace(chunker="learned", boundary_buckets=256, boundary_layers=2),
    "bare": TOY.replace(chunker="learned", boundary_buckets=0, boundary_layers=0),
}
TEXTS = [
    "the cat sat on the mat", "Teh CAT, sat!", "", " ", "a", "\ud800", "a\udc00b", "😂" * 40, "\x00", "x" * 7000,
    "word and " * 800, "τί κάνεις привет שלום سلام नमस्ते 안녕 你好世界 かな ครับ ⴰⵣ 𐐀 42 e\u0301",
]  # fmt: skip


def make(config: TieredConfig) -> SentenceTransformer:
    """Build a model, its predictor stirred to cut now and then."""
    model = make_model(config)
    if (predictor := model[0].boundary_predictor) is not None:
        with torch.no_grad():
            predictor.head.weight.normal_(generator=torch.Generator().manual_seed(0))
    return model


@pytest.fixture(scope="module", params=CONFIGS)
def model(request: pytest.FixtureRequest) -> SentenceTransformer:
    return make(CONFIGS[request.param])


def spelt(rows: torch.Tensor) -> list[str]:
    """Return the characters of rows of whole glyphs, (chunks, chars)."""
    return [CharTokenizer().decode(row[row != PAD].tolist()) for row in rows]


def test_any_text_alone_or_in_company_gets_the_same_unit_vector(model: SentenceTransformer) -> None:
    together = model.encode(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for text, vector in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(model.encode(text), vector, atol=1e-5, rtol=0)


def test_a_loaded_model_equals_the_saved_one(model: SentenceTransformer, tmp_path: Path) -> None:
    model.save(str(tmp_path / "model"))
    expected = model.encode(TEXTS)
    np.testing.assert_allclose(load(tmp_path / "model", device="cpu").encode(TEXTS), expected, atol=1e-6, rtol=0)


TIERS = {name: make(config.replace(max_chunks=510))[0] for name, config in CONFIGS.items()}


@pytest.mark.parametrize("name", CONFIGS)
@settings(max_examples=25)
@given(texts=st.lists(UNICODE, min_size=1, max_size=3))
def test_any_batch_has_the_form_that_losses_rely_on(name: str, texts: list[str]) -> None:
    tiers = TIERS[name]
    features = tiers.preprocess(texts)
    ids, mask = features["input_ids"], features["attention_mask"]
    counts = mask.sum(dim=1)
    assert ids.shape == (len(texts), int(counts.max()), tiers.settings.chunk_chars)
    assert torch.equal(mask, (torch.arange(mask.shape[1]) < counts[:, None]).long())
    filled = ids != PAD
    assert torch.equal(filled, filled.cumprod(dim=-1).bool())  # no gap inside a row
    body = filled.sum(dim=-1)[(mask == 1) & (ids[:, :, 0] > ChunkType.FINISH)]
    assert (body > 1).all()  # no chunk is empty
    for row, text in zip(ids, texts, strict=True):
        points = tiers.characters.fold(tiers.characters.normalize_all([text])[0][:-1])
        if name != "overlapping":  # each character that is no space is read once
            letters = "".join(map(chr, points.tolist()))
            assert "".join("".join(spelt(row[1:])).split()) == "".join(letters.split())


def test_white_space_inside_a_learned_chunk_is_in_no_row() -> None:
    tiers = TieredInput(CONFIGS["bare"])  # untrained: no boundary
    ids = tiers.preprocess(["Hel lo", "helloworld you"])["input_ids"]
    assert spelt(ids[0, 1:2]) == ["hello"] and ids[0, 1, 0] == ChunkType.CAPITALISED
    assert spelt(ids[1, 1:2]) == ["helloworldyou"]
    assert torch.equal(ids[0, 1, 1:], tiers.preprocess(["hello"])["input_ids"][0, 1, 1:])


def test_only_a_learned_chunker_has_a_predictor() -> None:
    for config, expected in ((TOY, False), (CONFIGS["windows"], False), (CONFIGS["learned"], True)):
        names = TieredInput(config).state_dict()
        assert any(name.startswith("boundary_predictor.") for name in names) == expected


def test_a_copy_asks_its_own_predictor() -> None:
    tiers = TieredInput(CONFIGS["learned"])
    again = pickle.loads(pickle.dumps(tiers))
    assert again.chunker.scores.__self__ is again.boundary_predictor is not tiers.boundary_predictor
    with torch.no_grad():
        again.boundary_predictor.head.bias.fill_(50.0)
    assert again.preprocess(["abc"])["input_ids"].shape[1] == 5
    assert tiers.preprocess(["abc"])["input_ids"].shape[1] == 3


def test_a_worker_process_reads_texts_alike() -> None:
    tiers = TIERS["learned"]
    loader = DataLoader(
        TEXTS[:4], batch_size=2, collate_fn=tiers.preprocess, num_workers=1, multiprocessing_context="fork"
    )  # fmt: skip
    for features, i in zip(loader, (0, 2), strict=True):
        assert torch.equal(features["input_ids"], tiers.preprocess(TEXTS[i : i + 2])["input_ids"])


@pytest.mark.parametrize("name", ["windows", "learned"])
def test_a_text_ten_times_too_long_is_cut_and_said_so(name: str, caplog: pytest.LogCaptureFixture) -> None:
    tiers = make(CONFIGS[name])[0]
    text = "some words, " * (10 * TOY.max_chunks * 16 // 12)
    with caplog.at_level(logging.WARNING, logger="tiered_st.modules.tiered_input"):
        assert tiers.preprocess([text])["input_ids"].shape == (1, TOY.max_chunks, TOY.chunk_chars)
    (record,) = caplog.records
    assert f"{len(text)} characters) is longer" in record.getMessage()
    assert "after chunk 62, " in record.getMessage()
    if name == "windows":
        assert f"character {62 * 16}, " in record.getMessage()
