"""What should a chunk be, and what may its characters see?"""

from training.ablation import E1, JOINT, WORD_NOISE, variants
from training.recipe import Stage

# The predictor learns first, on its own: nothing else moves in these steps.
BOUNDS = Stage(
    "bounds", ("tiers.boundary_predictor",), (("boundary", 1.0),), 300, 128, ((E1, 2e-3),), WORD_NOISE, chunks=64
)

RECIPES = variants(
    JOINT,
    windows_16=dict(chunker="windows", window=16, stride=16),
    windows_40=dict(chunker="windows", window=40, stride=40, chunk_chars=48),
    windows_40_overlapping=dict(chunker="windows", window=40, stride=20, chunk_chars=48),
    windows_100=dict(chunker="windows", window=100, stride=100, chunk_chars=104),
    learned=dict(chunker="learned", stages=(BOUNDS, *JOINT.stages)),
    sees_the_text=dict(char_span="text"),
    sees_the_text_before=dict(char_span="causal"),
    peek=dict(peek=True),
)
