"""Which of E2's objectives earns its steps? Every row has as many as the first."""

from dataclasses import replace

from training.ablation import JOINT, JOINT_STAGE, WORDS_STAGE, variants, with_extra, without

CLEAN = replace(JOINT_STAGE, noise=replace(JOINT_STAGE.noise, weights=(), extra_case=0.0), real=0.0)
FURTHER = ("chunk_order", "next_chunk", "masked_chunk", "next_sentence", "section_topic")

RECIPES = variants(
    JOINT,
    **{f"without_{name}": without(JOINT, name) for name in ("distillation", "ranking")},
    without_noise=dict(stages=(WORDS_STAGE, CLEAN)),
    **{f"with_{name}": with_extra(JOINT, name) for name in FURTHER},
    with_simcse=with_extra(JOINT, "simcse") | {"dropout": 0.1},  # whose two copies of a text differ by dropout alone
)
