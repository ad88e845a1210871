"""Learn where chunks start, also where spaces were dropped or slipped in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.modules import BoundaryPredictor
from tiered_st.modules.tiers_of import tiers_of
from tiered_st.text.tokenizer import FIRST_BYTE, PAD

_KEYS = ("boundary_chars", "boundary_spaces", "boundary_starts")


class BoundaryLoss(nn.Module):
    """Boundaries: the predictor finds a clean text's word starts in copies of it whose spaces are unreliable.

    Labels are bootstrapped: the words chunker's starts on the clean text, carried over to its copies, whose characters
    are the same but for white space. Little by little the predictor's own, sharpened guess on the clean text takes the
    place of part of them (self-distillation), so that it may settle on better chunks than words; a ratio term holds its
    rate of boundaries at that of the labels, since a boundary everywhere, or nowhere, is what such a loop falls into
    (Hwang et al., 2025, H-Net).

    Inputs: the clean text, then any number of copies that differ from it by dropped or inserted white space only (see
    noise.drop_spaces, noise.insert_spaces). Labels: ignored. Gradients reach the boundary predictor only.

    Args:
        model: the model to train, of chunker="learned"; from now on its ``preprocess`` gives what this loss reads.
        max_self: the share of its own guess in the targets that annealing ends at, in [0, 1].
        anneal_steps: training steps until then, from 0 on in a straight line.
        temperature: what the logits of its own guess are divided by; below 1 sharpens.
        ratio_weight: weight of the ratio term.
    """

    tier = "E1"

    def __init__(
        self,
        model: SentenceTransformer,
        *,
        max_self: float = 0.5,
        anneal_steps: int = 10_000,
        temperature: float = 0.5,
        ratio_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0 <= max_self <= 1:
            raise ValueError(f"max_self={max_self} is a share: give a number in [0, 1].")
        if temperature <= 0:
            raise ValueError(f"temperature={temperature} divides logits: give a number above 0.")
        predictor_of(model)
        tiers_of(model).trains_chunker = True
        self.model = model
        self.max_self = max_self
        self.anneal_steps = anneal_steps
        self.temperature = temperature
        self.ratio_weight = ratio_weight
        # A parameter rather than a buffer: those are what checkpoints keep of a loss.
        self.step = nn.Parameter(torch.zeros((), dtype=torch.int64), requires_grad=False)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """Return the loss, a scalar."""
        columns = list(sentence_features)
        chars, spaces, starts = stack(columns)  # (columns, batch, chars) each
        known = shared(chars)
        logits = predictor_of(self.model)(chars.flatten(0, 1), spaces.flatten(0, 1)).view_as(chars)
        loss = self.compute(
            logits, starts[0].expand_as(logits), known, own=logits[0],
            self_share=self.self_share(), temperature=self.temperature, ratio_weight=self.ratio_weight,
        )  # fmt: skip
        if self.training:
            self.step.add_(1)
        if hasattr(self.model, "module"):  # distributed: see columns.chunk_vectors
            loss = loss + 0.0 * self.model(columns[0])["sentence_embedding"].sum()
        return loss

    def self_share(self) -> Tensor:
        """Return the share of the predictor's own guess in the targets at this step, a scalar."""
        return self.max_self * (self.step / max(1, self.anneal_steps)).clamp(max=1.0)

    @staticmethod
    def compute(
        logits: Tensor,
        starts: Tensor,
        known: Tensor,
        *,
        own: Tensor | None = None,
        self_share: Tensor | float = 0.0,
        temperature: float = 0.5,
        ratio_weight: float = 1.0,
    ) -> Tensor:
        """Return the cross-entropy to the targets plus the ratio term, 0 where nothing is known.

        Targets are ``(1 - self_share) * starts + self_share * sigmoid(own / temperature)``; the ratio term is the
        squared logarithm of the mean predicted rate of boundaries over the rate of ``starts``.

        Args:
            logits: (…, chars).
            starts: bootstrapped labels of 0 and 1, (…, chars).
            known: boolean, where there is a character with a label, (…, chars).
            own: the predictor's logits on the clean text, broadcastable to ``logits``; no gradient flows into them.
            self_share: share of ``own`` in the targets, in [0, 1].
            temperature: what ``own`` is divided by; below 1 sharpens.
            ratio_weight: weight of the ratio term.
        """
        if not known.any():
            return 0.0 * logits.float().sum()
        logits, starts = logits.float(), starts.float()
        targets = starts
        if own is not None:
            guess = torch.sigmoid(own.detach().float() / temperature).expand_as(logits)
            targets = starts + self_share * (guess - starts)
        entropy = F.binary_cross_entropy_with_logits(logits[known], targets[known])
        rate = torch.sigmoid(logits[known]).mean()
        smallest = 1 / known.sum()  # a batch without any boundary is no reason for an infinite loss
        ratio = torch.log((rate + smallest) / (starts[known].mean() + smallest))
        return entropy + ratio_weight * ratio**2

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {
            "max_self": self.max_self,
            "anneal_steps": self.anneal_steps,
            "temperature": self.temperature,
            "ratio_weight": self.ratio_weight,
        }


def predictor_of(model: Any) -> BoundaryPredictor:
    """Return a model's boundary predictor."""
    predictor = tiers_of(model).boundary_predictor
    if predictor is None:
        chunker = tiers_of(model).settings.chunker
        raise ValueError(f"BoundaryLoss trains a boundary predictor: the model has chunker={chunker!r}, not 'learned'.")
    return predictor


def stack(columns: list[dict[str, Tensor]]) -> list[Tensor]:
    """Pad and stack what the predictor learns from: three tensors (columns, batch, chars)."""
    if any(key not in column for column in columns for key in _KEYS):
        raise ValueError(
            "BoundaryLoss reads boundary_chars, which preprocess gives once the loss is made: make it before the "
            "batches."
        )
    width = max(column["boundary_chars"].shape[1] for column in columns)
    padded = [[F.pad(column[key], (0, width - column[key].shape[1])) for column in columns] for key in _KEYS]
    return [torch.stack(tensors) for tensors in padded]


def shared(chars: Tensor) -> Tensor:
    """Say where characters have a label: up to where a copy first differs from the clean text.

    A copy differs where it was cut or where Unicode composes what a dropped space held apart.

    Args:
        chars: (columns, batch, chars) int64, the clean text first.

    Returns:
        (columns, batch, chars) boolean; False also at PAD and inside a code point's bytes.

    Raises:
        ValueError: if more than half of what the columns hold differs.
    """
    equal = (chars == chars[:1]).cumprod(dim=-1).bool()
    present = chars != PAD
    known = equal & present
    if 2 * int(known.sum()) < int(present.sum()):
        raise ValueError(
            "BoundaryLoss takes columns that differ in white space only, but most of their characters differ: give the "
            "clean text first, then copies made by noise.drop_spaces or noise.insert_spaces."
        )
    inside = (chars >= FIRST_BYTE + 0x80) & (chars < FIRST_BYTE + 0xC0)  # continuation bytes of UTF-8
    return known & ~inside
