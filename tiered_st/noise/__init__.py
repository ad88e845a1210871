"""Corrupt text as people and scanners do: a text, a rate and a seeded generator go in, a corrupted text comes out.

`policy` is what training calls: a mixture of the operators, which have a file per kind. What the shipped models
learned from stands in their recipes; operators that no recipe names are for benchmarks and ablations.

Training and benchmarks both draw from here. Every operator is `(text, rate, rng) -> str`, with `rate` a
probability in [0, 1] (else ValueError), and depends on these and the state of `rng` alone. Notable choices:

- Places are drawn by geometric skips (`draws.hits`): the law of one coin per character, at one draw per *edit*.
- Only `rng.random()` is called, the one method whose sequence Python promises to keep across versions.
- Places that an operator cannot touch (a space, a letter without lookalike) are skipped, and no rate counts
  them.
"""

from tiered_st.noise.case import change_case, lower_case, title_case, upper_case
from tiered_st.noise.draws import seeded
from tiered_st.noise.lookalikes import replace_homoglyphs, write_leet
from tiered_st.noise.misspellings import Misspellings
from tiered_st.noise.ocr import OCR_COVERAGE, add_ocr_errors
from tiered_st.noise.policy import OPERATORS, NoisePolicy, character_error_rate
from tiered_st.noise.slips import slip_in_words, slip_once
from tiered_st.noise.spacing import drop_spaces, insert_spaces, strip_punctuation
from tiered_st.noise.typos import add_typos, delete, insert, substitute, transpose

__all__ = [
    "OCR_COVERAGE",
    "OPERATORS",
    "Misspellings",
    "NoisePolicy",
    "add_ocr_errors",
    "add_typos",
    "change_case",
    "character_error_rate",
    "delete",
    "drop_spaces",
    "insert",
    "insert_spaces",
    "lower_case",
    "replace_homoglyphs",
    "seeded",
    "slip_in_words",
    "slip_once",
    "strip_punctuation",
    "substitute",
    "title_case",
    "transpose",
    "upper_case",
    "write_leet",
]
