"""Evaluators in the sense of sentence-transformers, for what is particular to this library."""

from tiered_st.evaluation.measures import digest, spearman, unit_vectors
from tiered_st.evaluation.typo_robustness import TypoRobustnessEvaluator

__all__ = ["TypoRobustnessEvaluator", "digest", "spearman", "unit_vectors"]
