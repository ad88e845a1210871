"""MiniLM's vectors of questions beside those of passages: en-mini goes on from what ships. See benchmarks/RESULTS.md.

Tried and not shipped. It reads 103,000 questions that people asked; english.TEXTS has 25,000, among other sentences.
"""

from dataclasses import replace

from training.english import QUERIES
from training.recipes.ablate_relevance import RECIPES
from training.recipes.en_small import DOCUMENT, PASSAGE, RELEVANCE

ASKED = (
    ("distillation", 0.36, 1.0), ("passage_distillation", 0.24, 1.0, DOCUMENT), ("retrieval", 0.06, 0.3, PASSAGE),
    ("ranking", 0.06, 0.3), ("sts", 0.16, 0.3), ("relevance", 0.3, 1.0, RELEVANCE),
)  # fmt: skip
ROW = RECIPES["mini-all"]
RECIPE = replace(ROW, name="mini-asked", texts=QUERIES[:4], stages=(replace(ROW.stages[0], objectives=ASKED),))
