"""Which of E1's objectives earns its steps? Every row has as many as the first."""

from training.ablation import READING, variants, with_extra, without

RECIPES = variants(
    READING,
    **{f"without_{name}": without(READING, name) for name in ("mimicry", "identity", "char_mlm")},
    **{f"with_{name}": with_extra(READING, name) for name in ("span_mlm", "char_clm", "reconstruction")},
)
