"""When should E1 stop learning? The joint steps are the same in every row."""

from dataclasses import replace

from training.ablation import E1, E2, JOINT, JOINT_STAGE, WORDS_STAGE, variants

FIRST = replace(JOINT_STAGE, name="first", steps=JOINT_STAGE.steps // 2)
LAST = replace(FIRST, name="last", rates=((E1, 2e-4), (E2, 2e-4)))

RECIPES = variants(
    JOINT,
    in_two_halves=dict(stages=(WORDS_STAGE, FIRST, LAST)),  # what the rows below are to be compared with
    frozen_half_way=dict(stages=(WORDS_STAGE, FIRST, replace(LAST, learns=(E2,)))),
    frozen_but_its_norms=dict(stages=(WORDS_STAGE, FIRST, replace(LAST, learns=(f"norms:{E1}", E2)))),
    e2_frozen_first=dict(stages=(WORDS_STAGE, replace(FIRST, learns=(E1,)), LAST)),
    frozen_from_the_start=dict(stages=(WORDS_STAGE, replace(JOINT_STAGE, learns=(E2,)))),
    no_words_stage=dict(stages=(JOINT_STAGE,)),
)
