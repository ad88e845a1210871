"""The student that is its own teacher: an ordinary model, fine-tuned on what ours learns from."""

from __future__ import annotations

import copy
from collections import OrderedDict
from dataclasses import dataclass

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize
from torch import nn


@dataclass(frozen=True)
class FineTuned:
    """Start from the recipe's teacher, vocabulary and all.

    Args:
        d_sem: width of its embeddings; training.student puts in the teacher's.
    """

    d_sem: int = 384


def build_fine_tuned(teacher: SentenceTransformer) -> SentenceTransformer:
    """Copy the teacher; its first module is called "semantic_encoder", for it is what learns."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for number, module in enumerate(copy.deepcopy(teacher)):
        modules["semantic_encoder" if number == 0 else type(module).__name__.lower()] = module
    modules.setdefault("normalize", Normalize())  # the losses want unit vectors
    return SentenceTransformer(modules=modules, device=str(teacher.device))  # type: ignore[arg-type]
