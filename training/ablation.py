"""What the ablations share: two small models, trained in minutes, of which every variant changes one thing.

READING asks what E1 and the projector make of spelling: E2 is a pretrained encoder that stays as it is, and they learn
its word vectors from clean and misspelt words. JOINT asks all the rest: both tiers learn, E2 from nothing, so that no
choice is favoured by what a pretrained body is used to. Rows of one question are equal in data and steps.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tiered_st.config import TieredConfig
from tiered_st.noise import NoisePolicy
from training.english import MISSPELLINGS, PAIRS, TEXTS, WORDS
from training.recipe import Recipe, Stage
from training.sources import Source

WORD_NOISE = NoisePolicy(weights=(("typos", 0.80), ("ocr", 0.10), ("delete", 0.05)), rates=(0.08, 0.30))
TEXT_NOISE = NoisePolicy(
    weights=(("typos", 0.70), ("ocr", 0.08), ("drop_spaces", 0.06), ("insert_spaces", 0.04)),
    rates=(0.02, 0.20), extra_case=0.10,
)  # fmt: skip
DOCUMENTS = (Source("docs_wikipedia_en", ("text",), limit=2_000, lengths=(5, 60)),)

CONFIG = TieredConfig(
    d_char=96, char_layers=1, char_ffn=192, ngram_buckets=16_384, projector_hidden=256,
    d_sem=256, sem_layers=2, sem_heads=4, sem_ffn=512, max_chunks=128, dropout=0.0,
)  # fmt: skip
E1, E2 = "tiers", "semantic_encoder"
SPELL = (("mimicry", 0.8, 1.0), ("identity", 0.1, 0.2), ("char_mlm", 0.1, 0.2))
BOTH = (("distillation", 0.7, 1.0), ("ranking", 0.3, 0.3))
WORDS_STAGE = Stage("words", (E1,), SPELL, 300, 512, ((E1, 3e-3),), WORD_NOISE, 0.15)
JOINT_STAGE = Stage("joint", (E1, E2), BOTH, 300, 128, ((E1, 4e-4), (E2, 4e-4)), TEXT_NOISE, 0.15)

READING = Recipe(
    name="reading", config=CONFIG, stages=(WORDS_STAGE,),
    teacher="sentence-transformers/all-MiniLM-L6-v2",
    texts=tuple(replace(source, limit=source.limit // 3) for source in TEXTS),
    words=WORDS[:1], misspellings=MISSPELLINGS,
)  # fmt: skip
JOINT = replace(
    READING, name="joint", stages=(WORDS_STAGE, JOINT_STAGE), warm_start=False, pairs=PAIRS[:3], documents=DOCUMENTS
)


def variants(base: Recipe, **changes: dict[str, Any]) -> dict[str, Recipe]:
    """Return recipes by name: ``base``, and others that differ from it in settings or, under "stages", in stages."""
    recipes = {base.name: base}
    for name, change in changes.items():
        settings = {key: value for key, value in change.items() if key != "stages"}
        recipes[name] = replace(
            base, name=name, config=CONFIG.replace(**settings), stages=change.get("stages", base.stages)
        )
    return recipes


def without(base: Recipe, objective: str) -> dict[str, Any]:
    """Return the change that gives one objective's steps to the others of its stage."""
    return {
        "stages": tuple(
            replace(stage, objectives=tuple(row for row in stage.objectives if row.name != objective))
            for stage in base.stages
        )
    }


def with_extra(base: Recipe, objective: str, share: float = 0.1, weight: float = 0.2) -> dict[str, Any]:
    """Return the change that gives a share of the last stage's steps to a further objective."""
    *before, last = base.stages
    return {"stages": (*before, replace(last, objectives=(*last.objectives, (objective, share, weight))))}
