"""Characters or wordpieces? A subword model of the same size, on the same texts, losses and steps."""

from dataclasses import replace

from training.ablation import CONFIG, E2, JOINT, JOINT_STAGE
from training.baselines.subword import SubwordConfig
from training.recipe import Recipe, Stage

# The vocabulary's table takes what E1 and the projector take.
SUBWORD = SubwordConfig(vocabulary=7_400, d_sem=CONFIG.d_sem, sem_layers=CONFIG.sem_layers, sem_heads=CONFIG.sem_heads,
                        sem_ffn=CONFIG.sem_ffn, dropout=CONFIG.dropout)  # fmt: skip
STAGE = replace(JOINT_STAGE, learns=(E2,), rates=((E2, 4e-4),), chunks=64)
ALL_STEPS = sum(stage.steps for stage in JOINT.stages)


def subword(name: str, stage: Stage) -> Recipe:
    """Return the subword model's recipe; it has no words to practise, so its only stage is the joint one."""
    return replace(JOINT, name=name, config=SUBWORD, stages=(stage,))


RECIPES = {
    JOINT.name: JOINT,
    "subword": subword("subword", STAGE),
    "subword_all_steps": subword("subword_all_steps", replace(STAGE, steps=ALL_STEPS)),
}
