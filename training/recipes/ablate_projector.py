"""How should the characters of a chunk become one vector?"""

from training.ablation import READING, variants

RECIPES = variants(
    READING,
    sigmoid=dict(projector_pooling="sigmoid"),
    attention=dict(projector_pooling="attention"),
    mean=dict(projector_pooling="mean"),
    max=dict(projector_pooling="max"),
    convolution=dict(projector_pooling="convolution"),
    linear=dict(projector_hidden=0),
    no_types=dict(type_embedding=False),
    int8=dict(chunk_quantization="int8"),
    binary=dict(chunk_quantization="binary"),
)
