"""What tests of judges share: tables of a few texts, a recipe that is judged, and how it is run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import TOY

import training.run as runner
import training.stage_run as stage_run
from tiered_st.noise import NoisePolicy
from training.judging import HeldOut, Judge
from training.recipe import Recipe, Stage
from training.sources import Source
from training.streams.stream_config import StreamConfig

NOUNS = ["cat", "dog", "house", "river", "mother", "garden", "window", "letter"]
VERBS = ["sees", "likes", "paints", "leaves"]
TEXTS = [f"the {a} {verb} the {b}" for a in NOUNS for verb in VERBS for b in NOUNS[:2]]
TYPOS = NoisePolicy(weights=(("typos", 1.0),), rates=(0.1, 0.3))
RATES = (("tiers", 1e-3), ("semantic_encoder", 1e-3))
SCORED = Source("pairs", ("a", "b"), label="score")
SEARCH = Source("answers", ("question", "answer"), cluster="topic")
STS = Judge("sts", "similarity", SCORED, rows=6)
FIND = Judge("find", "retrieval", SEARCH, rows=6, rates=(0.0, 0.2), chunks=20, weight=2.0)
PLAIN = Stage(
    "learn", ("tiers", "semantic_encoder"), (("char_mlm", 1), ("simcse", 1), ("ranking", 1), ("sts", 1)), 8, 4, RATES,
    TYPOS,
)  # fmt: skip
STAGE = dataclasses.replace(PLAIN, judged=4)
RECIPE = Recipe(
    name="judged", config=TOY.replace(dropout=0.1), stages=(STAGE,), warm_start=False, judges=(STS, FIND),
    texts=(Source("texts", ("text",)), Source("answers", ("answer",)), Source("articles", ("text",), split=True)),
    pairs=(dataclasses.replace(SEARCH, limit=30), Source("pairs", ("a", "b"))), scored=(SCORED,),
    documents=(Source("articles", ("text",)),),
)  # fmt: skip


Train = Callable[..., int]


def write_tables(folder: Path) -> Path:
    """Write the tables of RECIPE; return their folder."""
    half = len(TEXTS) // 2
    answers = [f"{text}, number {i}" for i, text in enumerate(TEXTS)]
    content: dict[str, dict[str, list[Any]]] = {
        "texts": {"text": [*TEXTS, "", "😂", "\ufffd"]},
        "pairs": {"a": TEXTS[0::2], "b": TEXTS[1::2], "score": [i % 5 + 0.1 for i in range(half)]},
        "answers": {
            "question": [f"who {i}" for i in range(len(TEXTS))], "answer": answers,
            "topic": [i // 2 for i in range(len(TEXTS))],
        },
        "articles": {"text": [f"{text.capitalize()}. And {text}. Then number {i}." for i, text in enumerate(TEXTS)]},
    }  # fmt: skip
    for name, columns in content.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return folder
    return folder


def held_of(recipe: Recipe, data: Path, stream: StreamConfig | None = None) -> HeldOut:
    """Return what a recipe's judges hold out."""
    return HeldOut(recipe.judges, data, data / "cache", stream)


def trainer(monkeypatch: pytest.MonkeyPatch, data: Path) -> Train:
    """Return the runner, as the command line calls it, for recipes of one's own."""
    monkeypatch.setattr(stage_run, "has_bf16", lambda device: False)

    def call(recipe: Recipe, out: Path, *extra: str) -> int:
        monkeypatch.setattr(runner, "find_recipe", lambda name: recipe)
        paths = ["--data", str(data), "--out", str(out), "--device", "cpu", "--workers", "0", "--quiet"]
        return runner.main(["judged", *paths, "--log-steps", "1", *extra])

    return call


def lines(out: Path) -> list[dict[str, Any]]:
    """Return the lines of a run's log that say what judges said."""
    found = map(json.loads, (out / "log.jsonl").read_text(encoding="utf-8").splitlines())
    return [line for line in found if "judged" in line]
