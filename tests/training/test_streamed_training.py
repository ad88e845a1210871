"""Train on streams: the same as on lists where one window holds all, and as undisturbed after a kill."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from conftest import TOY
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from small_bert import save_bert

import training.run as runner
import training.stage_run as stage_run
from tiered_st.model import load
from tiered_st.noise import NoisePolicy
from training import teacher as teachers
from training.recipe import Recipe, Stage
from training.sources import Source
from training.streams.stream_config import StreamConfig

NOUNS = ["cat", "dog", "house", "river", "mother", "garden", "window", "letter"]
VERBS = ["sees", "likes", "paints", "leaves"]
TEXTS = [f"the {a} {verb} the {b}" for a in NOUNS for verb in VERBS for b in NOUNS[:2]]
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", *NOUNS, *VERBS, *"abcdefghijklmnopqrstuvwxyz"]
TYPOS = NoisePolicy(weights=(("typos", 1.0),), rates=(0.1, 0.3))
RATES = (("tiers", 1e-3), ("semantic_encoder", 1e-3))
SPELL = Stage("spell", ("tiers",), (("mimicry", 0.5), ("identity", 0.5, 0.2), ("char_mlm", 0.25)), 4, 8, RATES, TYPOS)
JOINT = Stage(
    "joint", ("tiers", "semantic_encoder"),
    (("distillation", 0.5), ("ranking", 0.25, 0.3), ("simcse", 0.25), ("sts", 0.25), ("next_sentence", 0.25)),
    10, 8, RATES, TYPOS,
)  # fmt: skip


@pytest.fixture(autouse=True)
def float32_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_run, "has_bf16", lambda device: False)
    monkeypatch.setattr(teachers, "has_bf16", lambda device: False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streamed")
    (folder / "teacher").mkdir()
    save_bert(
        folder / "teacher" / "bert", PIECES, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=64,
    )  # fmt: skip
    modules = [Transformer(str(folder / "teacher" / "bert")), Pooling(32, "mean")]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder / "teacher" / "model"), create_model_card=False)
    pq.write_table(pa.table({"text": [*TEXTS, *TEXTS[:5]]}), folder / "texts.parquet")  # some twice
    half = len(TEXTS) // 2
    columns = {"anchor": TEXTS[0::2], "positive": TEXTS[1::2], "group": [i // 2 for i in range(half)]}
    pq.write_table(pa.table(columns | {"score": [i % 5 + 0.1 for i in range(half)]}), folder / "pairs.parquet")
    pq.write_table(pa.table({"text": [TEXTS[i : i + 4] for i in range(0, len(TEXTS), 4)]}), folder / "articles.parquet")
    return folder


@pytest.fixture
def recipe(data: Path) -> Recipe:
    return Recipe(
        name="streamed", config=TOY.replace(d_sem=16, dropout=0.1), stages=(SPELL, JOINT), warm_start=False,
        teacher=str(data / "teacher" / "model"), texts=(Source("texts", ("text",)),),
        pairs=(Source("pairs", ("anchor", "positive"), cluster="group"),),
        scored=(Source("pairs", ("anchor", "positive"), label="score"),), documents=(Source("articles", ("text",)),),
    )  # fmt: skip


def train(
    monkeypatch: pytest.MonkeyPatch, recipe: Recipe, data: Path, out: Path, *extra: str
) -> dict[str, torch.Tensor]:
    monkeypatch.setattr(runner, "find_recipe", lambda name: recipe)
    command = ["streamed", "--data", str(data), "--out", str(out), "--device", "cpu", "--log-steps", "1", "--quiet"]
    assert runner.main([*command, "--workers", "0", *extra]) == 0
    return load(out / "model", device="cpu").state_dict() if (out / "model").exists() else {}


def losses(out: Path) -> list[tuple[str, int, float]]:
    lines = map(json.loads, (out / "log.jsonl").read_text(encoding="utf-8").splitlines())
    return [(line["stage"], line["step"], line["loss"]) for line in lines if "loss" in line]


def same(mine: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return mine.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in mine.items())


def test_one_window_trains_as_lists_do_to_the_bit(
    monkeypatch: pytest.MonkeyPatch, recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    whole = train(monkeypatch, recipe, data, tmp_path / "whole")
    streamed = train(monkeypatch, recipe, data, tmp_path / "streamed", "--stream", "64")
    assert losses(tmp_path / "streamed") == losses(tmp_path / "whole")
    assert same(streamed, whole)
    by_worker = train(monkeypatch, recipe, data, tmp_path / "worker", "--stream", "1000", "--workers", "1")
    assert same(by_worker, whole)
    other = train(monkeypatch, recipe, data, tmp_path / "other", "--stream", "16")
    assert not same(other, whole)
