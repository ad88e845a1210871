"""The shipped English model: E2 from MiniLM's six layers, E1 from its word vectors and a great many typos."""

from dataclasses import replace

from tiered_st.config import TieredConfig
from tiered_st.noise import NoisePolicy
from training.english import MISSPELLINGS, PAIRS, TEXTS, WORDS
from training.stage import Recipe, Stage

WORD_NOISE = NoisePolicy(
    weights=(("typos", 0.72), ("ocr", 0.10), ("homoglyphs", 0.04), ("delete", 0.05), ("insert_spaces", 0.02)),
    rates=(0.08, 0.30),
    compound=0.05,
)
TEXT_NOISE = NoisePolicy(
    weights=(
        ("typos", 0.70), ("ocr", 0.08), ("drop_spaces", 0.06), ("insert_spaces", 0.04), ("punctuation", 0.04),
        ("homoglyphs", 0.03), ("case", 0.02),
    ),
    rates=(0.02, 0.25),
    extra_case=0.10,
    compound=0.15,
)  # fmt: skip

FINE_NOISE = replace(TEXT_NOISE, rates=(0.02, 0.15))  # the levels people type at

E1, E2, E1_NORMS = "tiers", "semantic_encoder", "norms:tiers"
LETTERS = tuple(f"tiers.{part}" for part in ("char_encoder.embedding", "char_encoder.ngrams", "char_encoder.norm",
                                             "chunk_projector"))  # fmt: skip
SPELL = (("mimicry", 0.86, 1.0), ("identity", 0.10, 0.2), ("char_mlm", 0.04, 0.2))
JOINT = (("distillation", 0.92, 1.0), ("ranking", 0.08, 0.3))

RECIPE = Recipe(
    name="en-small",
    config=TieredConfig(char_layers=1, char_ffn=256, projector_hidden=1536, dropout=0.0),  # E2's body is the teacher's
    teacher="sentence-transformers/all-MiniLM-L6-v2",
    texts=TEXTS, pairs=PAIRS, words=WORDS, misspellings=MISSPELLINGS, storage="int8",
    finally_set=(("pool_marks", False),),  # better on messy text, see benchmarks/RESULTS.md
    stages=(
        #     name      learns           objectives  steps  batch  peak learning rates        noise             views
        # n-grams learn word identity first, five times cheaper while the Transformer is still the identity
        Stage("ngrams", LETTERS,         SPELL,      2_400, 1024, ((E1, 3e-3),),             WORD_NOISE, 0.15, views=2),
        Stage("spell",  (E1,),           SPELL,        700, 1024, ((E1, 1e-3),),             WORD_NOISE, 0.15, views=2),
        Stage("joint",  (E1, E2),        JOINT,      1_700,  128, ((E1, 3e-4), (E2, 8e-5)),  TEXT_NOISE, 0.15, views=2),
        Stage("refine", (E1, E2),        JOINT,        360,  128, ((E1, 2e-4), (E2, 5e-5)),  FINE_NOISE, 0.15, views=2),
        Stage("settle", (E1_NORMS, E2),  JOINT,         60,  128, ((E1, 3e-5), (E2, 2e-5)),  TEXT_NOISE, 0.15, views=2),
    ),
)  # fmt: skip
