"""English and German from Tatoeba alone: what a third language comes to in less than an hour (YOUR_LANGUAGE.md).

There is no German table of frequencies, of forms, or of misspellings: words come from the German sentences, and what
they mean from the English ones beside them. Umlauts and ß stay letters of their own. Folded, "schön" would be "schon",
another word; and who has no key for them types "schoen", which no folding reads, but which the memory can recognise as
any other misspelling.
"""

from tiered_st.noise import NoisePolicy
from training import english
from training.growth import Growth
from training.recipe import Recipe, Stage
from training.recipes.en_small import E1, E2, TEXT_NOISE, WORD_NOISE
from training.sources import Source

GERMAN = "train_parallel_tatoeba_en_de"
PARALLEL = (Source(GERMAN, ("en", "foreign"), limit=50_000, cluster="en"),)

GERMAN_NOISE = NoisePolicy(
    weights=(("typos", 0.70), ("ocr", 0.08), ("drop_spaces", 0.08), ("insert_spaces", 0.08), ("case", 0.06)),
    rates=(0.02, 0.25), extra_case=0.10, compound=0.15,
)  # fmt: skip

SPELL = (("recognition", 0.4, 1.0), ("mimicry", 0.6, 1.0))
BOTH = (
    ("parallel_distillation", 0.65, 1.0, dict(noise=GERMAN_NOISE, switched=0.12, chunks=48, budget=2_500)),
    # English stays what it is.
    ("passage_distillation", 0.35, 1.0, dict(chunks=192, budget=2_500)),
)

RECIPE = Recipe(
    name="en-de",
    # Its own words are recognised: the tables that en-small learned its words from are not read.
    config=None, start="en-small", growth=Growth(of=None, memory_slots=32_768),
    teacher="sentence-transformers/all-MiniLM-L6-v2",
    texts=(*english.TEXTS, Source(GERMAN, ("foreign",), limit=50_000)),
    passages=english.PASSAGES, parallel=PARALLEL, misspellings=english.MISSPELLINGS, word_power=0.7,
    storage="int8", max_seq_length=128,
    stages=(
        #     name     learns    objectives steps  batch  peak learning rates           noise             views
        Stage("words", (E1,),    SPELL,       150,   512, ((E1, 1e-3),),                WORD_NOISE, 0.10, views=2,
              word_power=0.5),
        Stage("both",  (E1, E2), BOTH,        200,   128, ((E1, 1.5e-4), (E2, 1e-4)),   TEXT_NOISE, 0.10, views=1),
    ),
)  # fmt: skip
