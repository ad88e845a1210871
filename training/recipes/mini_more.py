"""Wikipedia's articles on two cores: en-mini goes on from what ships. See benchmarks/RESULTS.md."""

from dataclasses import replace

from training.english import ARTICLES, CANDIDATES, PASSAGES, QUERIES
from training.recipe import Stage
from training.recipes.en_mini import RECIPE as MINI
from training.recipes.en_small import DOCUMENT, E1, E2, PASSAGE, RELEVANCE, SPACED_NOISE

MORE = (
    ("distillation", 0.32, 1.0), ("passage_distillation", 0.26, 1.0, DOCUMENT), ("retrieval", 0.08, 0.3, PASSAGE),
    ("ranking", 0.06, 0.3), ("sts", 0.20, 0.3), ("relevance", 0.26, 1.0, RELEVANCE),
)  # fmt: skip

RECIPE = replace(
    MINI,
    name="mini-more",
    config=None, e1=None, start="en-mini",
    passages=(*PASSAGES, replace(ARTICLES, limit=2_500)),
    queries=QUERIES, candidates=(*CANDIDATES, replace(ARTICLES, limit=2_000)),
    stages=(
        Stage("more", (E1, E2), MORE, 1_000, 128, ((E1, 1.2e-4), (E2, 2.2e-4)), SPACED_NOISE, 0.15, spaced=True),
    ),
)  # fmt: skip
