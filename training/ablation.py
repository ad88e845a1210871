"""What all ablations share: a small model, trained from scratch in minutes, of which every variant changes one thing.

Small enough that every row of every table can be trained on a laptop, and equal in data and steps. A teacher lends the
targets; E2 starts from nothing, so that no choice is favoured by what a pretrained body is used to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tiered_st.config import TieredConfig
from tiered_st.noise import NoisePolicy
from training.english import MISSPELLINGS, PAIRS, TEXTS, WORDS
from training.sources import Source
from training.stage import Recipe, Stage

WORD_NOISE = NoisePolicy(weights=(("typos", 0.80), ("ocr", 0.10), ("delete", 0.05)), rates=(0.08, 0.30))
TEXT_NOISE = NoisePolicy(
    weights=(("typos", 0.70), ("ocr", 0.08), ("drop_spaces", 0.06), ("insert_spaces", 0.04)),
    rates=(0.02, 0.20), extra_case=0.10,
)  # fmt: skip
DOCUMENTS = (Source("docs_wikipedia_en", ("text",), limit=2_000, lengths=(5, 60)),)

CONFIG = TieredConfig(
    d_char=96, char_layers=1, char_ffn=192, ngram_buckets=16_384, projector_hidden=256,
    d_sem=256, sem_layers=2, sem_heads=4, sem_ffn=512, max_chunks=128,
)  # fmt: skip
E1, E2 = "tiers", "semantic_encoder"
SPELL = (("mimicry", 0.8, 1.0), ("identity", 0.1, 0.2), ("char_mlm", 0.1, 0.2))
JOINT = (("distillation", 0.7, 1.0), ("ranking", 0.3, 0.3))
STAGES = (
    Stage("words", (E1,),    SPELL, 250, 512, ((E1, 3e-3),),            WORD_NOISE, 0.15),
    Stage("joint", (E1, E2), JOINT, 500, 128, ((E1, 1e-3), (E2, 1e-3)), TEXT_NOISE, 0.15),
)  # fmt: skip

BASE = Recipe(
    name="base", config=CONFIG, stages=STAGES,
    teacher="sentence-transformers/all-MiniLM-L6-v2", warm_start=False,
    texts=tuple(replace(source, limit=source.limit // 3) for source in TEXTS),
    pairs=PAIRS[:3], words=WORDS[:1], documents=DOCUMENTS, misspellings=MISSPELLINGS,
)  # fmt: skip


def variants(**changes: dict[str, Any]) -> dict[str, Recipe]:
    """Return the base and, by name, recipes that differ from it in settings or, under "stages", in what is trained."""
    recipes = {"base": BASE}
    for name, change in changes.items():
        stages = change.pop("stages", STAGES)
        recipes[name] = replace(BASE, name=name, config=CONFIG.replace(**change), stages=stages)
    return recipes


def without(objective: str) -> tuple[Stage, ...]:
    """Return the base's stages with one objective's steps given to the others."""
    return tuple(
        replace(stage, objectives=tuple(row for row in stage.objectives if row.name != objective)) for stage in STAGES
    )


def with_extra(stage: str, objective: str, share: float, weight: float = 0.2) -> tuple[Stage, ...]:
    """Return the base's stages with a share of one stage's steps given to a further objective."""
    return tuple(
        replace(row, objectives=(*row.objectives, (objective, share, weight))) if row.name == stage else row
        for row in STAGES
    )
