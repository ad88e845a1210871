"""Baseline `static`: one vector per wordpiece and no context, in the manner of model2vec, made of MiniLM.

A text is the mean of its wordpieces' input vectors, each weighted by how rare it is: its rank in the vocabulary stands
for its frequency (Zipf's law), and smooth inverse frequency makes a weight of that.

References: Tulkens & van Dongen 2024 (model2vec); Arora et al. 2017 (smooth inverse frequency).
"""

from __future__ import annotations

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
from torch import Tensor

from benchmarks.peers.minilm import minilm
from training.teacher import input_table

MOST_FREQUENT = "the"  # the vocabulary lists words by frequency from here on; marks and single letters stand before it
SMOOTH = 1e-3  # a frequency at which a piece has half its weight


def zipf_weights(count: int, *, first: int = 0, smooth: float = SMOOTH) -> Tensor:
    """Return the smooth inverse frequency of pieces that are ordered by frequency, (count,) float32.

    Args:
        count: Size of the vocabulary.
        first: Place of the most frequent piece; those before it are taken to be as frequent.
        smooth: The frequency at which a piece has half its weight.
    """
    shares = 1.0 / ((torch.arange(count) - first).clamp(min=0) + 1.0)
    shares = shares / shares[first:].sum()
    return smooth / (smooth + shares)


def static(model: SentenceTransformer | None = None) -> SentenceTransformer:
    """Build the static model of a wordpiece model, by default MiniLM; its special tokens say nothing."""
    model = minilm() if model is None else model
    table, tokenizer = input_table(model), model.tokenizer
    first = tokenizer.convert_tokens_to_ids(MOST_FREQUENT)
    table = table * zipf_weights(len(table), first=first)[:, None]  # (vocabulary, dimension)
    table[tokenizer.all_special_ids] = 0.0
    return SentenceTransformer(
        modules=[StaticEmbedding(tokenizer, embedding_weights=table), Normalize()], device=str(model.device)
    )
