"""Which objective earns its steps? Every row has as many steps as the base."""

from dataclasses import replace

from training.ablation import STAGES, variants, with_extra, without

RECIPES = variants(
    **{f"without_{name}": dict(stages=without(name)) for name in ("mimicry", "identity", "char_mlm", "distillation",
                                                                  "ranking")},
    **{f"with_{name}": dict(stages=with_extra("words", name, 0.1)) for name in ("char_clm", "reconstruction")},
    **{
        f"with_{name}": dict(stages=with_extra("joint", name, 0.1))
        for name in ("simcse", "chunk_order", "next_chunk", "masked_chunk", "next_sentence", "section_topic")
    },
    without_noise=dict(stages=(STAGES[0], replace(STAGES[1], noise=replace(STAGES[1].noise, weights=()), real=0.0))),
)  # fmt: skip
