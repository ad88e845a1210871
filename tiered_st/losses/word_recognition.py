"""Tell which word a spelling stands for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.losses.columns import merge, single_chunks, synced
from tiered_st.modules.tiers_of import tiers_of

_BLOCK = 2_048  # words that are read at once


class WordRecognitionLoss(nn.Module):
    """Teach a model's memory the word that each spelling, clean or misspelt, stands for (cross-entropy over slots).

    Inputs: any number of columns, each one spelling of the row's word; a spelling that does not come out as a single
    chunk is left out. Labels: the row's index into ``slots``.

    A prototype that is learned as a parameter knows its word from the few times it was met. With ``readings`` the
    prototypes are E1's own reading of each word's right spelling instead, set anew every so many steps (the stale keys
    of He et al. 2020, MoCo), and it is E1 that learns to read misspellings alike, which words it never met profit from.

    References: Kernighan et al. 1990 (the noisy channel); Cao 2023 (predicting words beats predicting characters);
    Wu et al. 2018 (a softmax over one's own readings).

    Args:
        model: the model to train; its config has ``memory_slots``.
        slots: (words,) int64, the slot of each word; 0 for words that share the slot of all others.
        words: (words,) texts, what is to be read; only ``readings`` asks for them.
        readings: steps after which the prototypes are set to E1's readings anew; 0 learns them as parameters.

    Raises:
        ValueError: if the model has no memory, or too small a one.
    """

    tier = "E1"
    slots: Tensor
    right_slots: Tensor
    right_rows: Tensor

    def __init__(
        self, model: SentenceTransformer, slots: Tensor, *, words: Sequence[str] = (), readings: int = 0
    ) -> None:
        super().__init__()
        if readings < 0:
            raise ValueError(f"readings={readings} is a number of steps: give 1 or more, or 0 to learn prototypes.")
        have = tiers_of(model).settings.memory_slots
        if not have or int(slots.max()) > have:
            raise ValueError(
                f"Words are told apart by the model's memory, which has memory_slots={have}, but slots up to "
                f"{int(slots.max())} are asked for: give the config at least as many."
            )
        self.model = model
        self.register_buffer("slots", slots, persistent=False)
        self.readings = readings
        self.steps: nn.Parameter | None = None
        if readings:
            found, rows = _right_spellings(model, slots, words)
            self.register_buffer("right_slots", found, persistent=False)
            self.register_buffer("right_rows", rows, persistent=False)
            memory = tiers_of(model).chunk_projector.memory
            assert memory is not None
            memory.prototypes.weight.requires_grad_(False)
            self.steps = nn.Parameter(torch.zeros(()), requires_grad=False)  # checkpoints keep a loss's parameters

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the loss, a scalar."""
        if self.steps is not None and self.training:
            if int(self.steps) % self.readings == 0:
                self.set_prototypes()
            self.steps.add_(1)
        columns = list(sentence_features)
        features = merge(columns)
        single = single_chunks(features)
        scores = tiers_of(self.model).recognize(features["input_ids"][single, 1])  # (spellings, 1 + slots)
        wanted = self.slots[labels].repeat(len(columns))[single]
        return synced(self.compute(scores, wanted), self.model, features)

    @torch.no_grad()
    def set_prototypes(self) -> None:
        """Set the prototype of each word to E1's reading of its right spelling, as long as prototypes are."""
        tiers = tiers_of(self.model)
        memory = tiers.chunk_projector.memory
        assert memory is not None
        read = torch.cat([tiers.read_chunks(part) for part in self.right_rows.split(_BLOCK)])
        weight, slots = memory.prototypes.weight, self.right_slots
        weight[slots] = F.normalize(read, dim=1).to(weight.dtype) * weight[slots].norm(dim=1).mean()

    @staticmethod
    def compute(scores: Tensor, wanted: Tensor) -> Tensor:
        """Return the cross-entropy of scores (n, 1 + slots) where ``wanted`` (n,) is right."""
        if len(scores) == 0:
            return scores.sum()
        return F.cross_entropy(scores.float(), wanted)

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {
            "words": len(self.slots), "slots": int(torch.count_nonzero(self.slots)), "readings": self.readings
        }  # fmt: skip


def _right_spellings(model: SentenceTransformer, slots: Tensor, words: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return the slots whose word is a single chunk, (n,), and its characters, rows (n, chars)."""
    if len(words) != len(slots):
        raise ValueError(f"readings are of words: give the {len(slots)} that slots are of, not {len(words)}.")
    places = slots.nonzero()[:, 0]
    found, rows = [], []
    for part in places.split(_BLOCK):
        features = tiers_of(model).preprocess([words[i] for i in part.tolist()])
        single = single_chunks(features)
        found.append(slots[part[single]])
        rows.append(features["input_ids"][single, 1])
    return torch.cat(found), torch.cat(rows)
