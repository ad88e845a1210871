"""The design's own path: no teacher, no pretrained body. E1 learns to read, then both tiers, then E2 alone."""

from tiered_st.config import TieredConfig
from training.ablation import DOCUMENTS, TEXT_NOISE, WORD_NOISE
from training.english import MISSPELLINGS, PAIRS, TEXTS, WORDS
from training.recipe import Recipe, Stage
from training.row import Ramp

E1, E2, E1_NORMS = "tiers", "semantic_encoder", "norms:tiers"
READ = (("char_mlm", 0.4), ("char_clm", 0.2), ("identity", 0.4))
BOTH = (
    ("ranking", 0.50, 1.0), ("simcse", 0.10, 0.5), ("masked_chunk", 0.15, Ramp(0.3, 0.1)),
    ("chunk_order", 0.10, Ramp(0.2, 0.0)), ("next_chunk", 0.10, 0.1), ("identity", 0.05, 0.2),
)  # fmt: skip
MEAN = (("ranking", 0.90, 1.0), ("simcse", 0.10, 0.5))

RECIPE = Recipe(
    name="scratch",
    config=TieredConfig(sem_layers=4, sem_ffn=1024),
    texts=TEXTS, pairs=PAIRS, words=WORDS, documents=DOCUMENTS, misspellings=MISSPELLINGS, warm_start=False,
    stages=(
        #     name       learns           objectives steps  batch  peak learning rates        noise
        Stage("read",    (E1,),           READ,      2_000,  1024, ((E1, 2e-3),),             WORD_NOISE, 0.30),
        Stage("project", (E1,),           MEAN,        500,   256, ((E1, 1e-3),),             TEXT_NOISE, 0.15),
        Stage("joint",   (E1, E2),        BOTH,      6_000,   256, ((E1, 5e-4), (E2, 5e-4)),  TEXT_NOISE, 0.15),
        Stage("freeze",  (E1_NORMS, E2),  MEAN,      1_000,   256, ((E1, 1e-4), (E2, 2e-4)),  TEXT_NOISE, 0.15),
        Stage("tune",    (E2,),           MEAN,        500,   256, ((E2, 1e-4),),             TEXT_NOISE, 0.15),
    ),
)  # fmt: skip
