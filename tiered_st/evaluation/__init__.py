"""Evaluators in the sense of sentence-transformers: a model and labelled texts go in, scores come out.

`typo_robustness` is the evaluator: the same pairs at rising rates of noise; `measures` is the maths that it and the
benchmarks share. Nothing here is needed to encode.
"""

from tiered_st.evaluation.measures import digest, spearman, unit_vectors
from tiered_st.evaluation.typo_robustness import TypoRobustnessEvaluator

__all__ = ["TypoRobustnessEvaluator", "digest", "spearman", "unit_vectors"]
