"""en-es goes on with Spanish as it is written: what Apertium makes of it in English tells the teacher's vector.

Tried and not shipped: see benchmarks/RESULTS.md. `python -m training.machine_translation spa-eng` wrote the table, in
which XQuAD's articles were then. It went on, with seed 4, from the int8 weights of en-es 4.
"""

from dataclasses import replace

from training import english, spanish
from training.recipe import Stage
from training.recipes.en_es import DOCS, E1, E2, QUESTIONS, SPACED_NOISE, SPANISH, TATOEBA, UI
from training.recipes.en_es import RECIPE as EN_ES
from training.sources import at_most

OBJECTIVES = (
    ("parallel_distillation", 0.46, 1.0, SPANISH | dict(chunks=256, budget=7_000)),
    ("passage_distillation", 0.20, 1.0, dict(chunks=510, budget=6_000)),
    ("retrieval", 0.16, 0.3, dict(chunks=192, budget=6_000)), ("ranking", 0.04, 0.3), ("sts", 0.14, 0.3),
)  # fmt: skip
PARALLEL = (
    replace(TATOEBA, limit=40_000), replace(UI, limit=8_000), replace(DOCS, limit=15_000), QUESTIONS, *spanish.BACK,
)  # fmt: skip

RECIPE = replace(
    EN_ES,
    name="es-back",
    pairs=PARALLEL[:-1] + spanish.PAIRS + at_most(12_000, english.PAIRS[:4]),
    passages=english.PASSAGES,
    searches=at_most(6_000, english.SEARCHES) + spanish.SEARCHES,
    parallel=PARALLEL,
    stages=(
        *(stage for stage in EN_ES.stages if stage.name not in ("again", "further")),
        Stage("back", (E1, E2), OBJECTIVES, 1_000, 128, ((E1, 1.2e-4), (E2, 9e-5)), SPACED_NOISE, 0.15, views=1,
              spaced=True),
    ),
)  # fmt: skip
