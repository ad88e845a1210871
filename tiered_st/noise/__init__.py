"""Corrupt text as people and scanners do: a text, a rate and a seeded generator go in, a corrupted text comes out.

`policy` is what training calls: a mixture of the operators, which have a file per kind. What the shipped models
learned from stands in their recipes; operators that no recipe names are for benchmarks and ablations.

Training and benchmarks both draw from here. Every operator is `(text, rate, rng) -> str`, with `rate` a
probability in [0, 1] (else ValueError), and depends on these and the state of `rng` alone. Notable choices:

- Places are drawn by geometric skips (`draws.hits`): the law of one coin per character, at one draw per *edit*.
- Only `rng.random()` is called, the one method whose sequence Python promises to keep across versions.
- Places that an operator cannot touch (a space, a letter without lookalike) are skipped, and no rate counts
  them.
- What is of one language has it in its name in `OPERATORS` ("es_typos" mistypes on the Spanish keyboard); it corrupts
  any text that it is given, so a mixture for texts of two languages lists the operators of both.
"""

from tiered_st.noise.accents import drop_accents, drop_all_accents, drop_opening_marks, write_n_for_enye
from tiered_st.noise.case import change_case, lower_case, title_case, upper_case
from tiered_st.noise.draws import seeded
from tiered_st.noise.lookalikes import replace_homoglyphs, write_leet
from tiered_st.noise.misspellings import Misspellings
from tiered_st.noise.ocr import OCR_COVERAGE, add_ocr_errors
from tiered_st.noise.phrases import Phrases
from tiered_st.noise.policy import OPERATORS, NoisePolicy, character_error_rate
from tiered_st.noise.slips import slip_in_words, slip_once
from tiered_st.noise.spacing import drop_spaces, insert_spaces, strip_punctuation
from tiered_st.noise.spanish_chat import SPANISH_CHAT, write_spanish_chat
from tiered_st.noise.spanish_homophones import SPANISH_HOMOPHONES, confuse_spanish_homophones
from tiered_st.noise.spanish_sounds import misspell_by_sound
from tiered_st.noise.stretches import stretch_words
from tiered_st.noise.typos import add_spanish_typos, add_typos, delete, insert, substitute, transpose

__all__ = [
    "OCR_COVERAGE",
    "OPERATORS",
    "SPANISH_CHAT",
    "SPANISH_HOMOPHONES",
    "Misspellings",
    "NoisePolicy",
    "Phrases",
    "add_ocr_errors",
    "add_spanish_typos",
    "add_typos",
    "change_case",
    "character_error_rate",
    "confuse_spanish_homophones",
    "delete",
    "drop_accents",
    "drop_all_accents",
    "drop_opening_marks",
    "drop_spaces",
    "insert",
    "insert_spaces",
    "lower_case",
    "misspell_by_sound",
    "replace_homoglyphs",
    "seeded",
    "slip_in_words",
    "slip_once",
    "stretch_words",
    "strip_punctuation",
    "substitute",
    "title_case",
    "transpose",
    "upper_case",
    "write_leet",
    "write_n_for_enye",
    "write_spanish_chat",
]
