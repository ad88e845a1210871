"""What a stage can practise: corpus and targets come in, rows and a loss go out; one small class per objective.

A class says its name, its loss and what it reads; all else that is listed anywhere is derived from the classes here.
The shipped models use recognition, mimicry, the distillations of texts, passages and translations, retrieval, ranking
and sts; the rest are for ablations and recipes.
"""

from training.objectives import e1, e2
from training.objectives.objective import Objective

OBJECTIVES: dict[str, type[Objective]] = {
    kind.name: kind
    for module in (e1, e2)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Objective) and "name" in vars(kind)
}
E1_OBJECTIVES, E2_OBJECTIVES = (
    tuple(name for name, kind in OBJECTIVES.items() if kind.tier() == tier) for tier in ("E1", "E2")
)

__all__ = ["E1_OBJECTIVES", "E2_OBJECTIVES", "OBJECTIVES", "Objective"]
