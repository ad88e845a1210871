"""When should E1 stop learning? The joint steps are the same in every row."""

from dataclasses import replace

from training.ablation import E1, E2, STAGES, variants

WORDS, JOINT = STAGES
FIRST, LAST = (replace(JOINT, name=name, steps=JOINT.steps // 2) for name in ("first", "last"))
LATER = ((E1, 5e-4), (E2, 5e-4))

RECIPES = variants(
    in_two_halves=dict(stages=(WORDS, FIRST, replace(LAST, rates=LATER))),
    frozen_from_the_start=dict(stages=(WORDS, replace(JOINT, learns=(E2,)))),
    frozen_half_way=dict(stages=(WORDS, FIRST, replace(LAST, learns=(E2,), rates=LATER))),
    frozen_but_its_norms=dict(stages=(WORDS, FIRST, replace(LAST, learns=(f"norms:{E1}", E2), rates=LATER))),
    e2_frozen_first=dict(stages=(WORDS, replace(FIRST, learns=(E1,)), replace(LAST, rates=LATER))),
    no_words_stage=dict(stages=(replace(JOINT, warmup=0.1),)),
)
