"""Characters or wordpieces? A subword model of the same size, on the same texts, losses and steps."""

from dataclasses import replace

from training.ablation import BASE, CONFIG, E2, STAGES, variants
from training.stage import Recipe
from training.subword import SubwordConfig

# The vocabulary's table takes what E1 and the projector take.
SUBWORD = SubwordConfig(vocabulary=7_400, d_sem=CONFIG.d_sem, sem_layers=CONFIG.sem_layers, sem_heads=CONFIG.sem_heads,
                        sem_ffn=CONFIG.sem_ffn)  # fmt: skip
JOINT = replace(STAGES[1], learns=(E2,), rates=((E2, 1e-3),), chunks=64)


def subword(name: str, *, steps: int = JOINT.steps) -> Recipe:
    """Return the subword model's recipe; it has no words to practise, so its only stage is the joint one."""
    return replace(BASE, name=name, config=SUBWORD, stages=(replace(JOINT, steps=steps),))


RECIPES = variants() | {
    "subword": subword("subword"),
    "subword_all_steps": subword("subword_all_steps", steps=sum(stage.steps for stage in STAGES)),
}
