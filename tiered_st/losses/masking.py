"""Choose which characters of a chunk are hidden: one function per strategy."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_SPANS = (2, 4)  # shortest and longest span in characters; their mean is 3


def mask_chars(present: Tensor, rate: float) -> Tensor:
    """Hide each character by itself (Devlin et al., BERT, 2019).

    Args:
        present: (chunks, chars) boolean, where there is a character.
        rate: share of characters hidden.

    Returns:
        (chunks, chars) boolean, True where a character is hidden; the other strategies take and return the same.
    """
    return (torch.rand(present.shape, device=present.device) < rate) & present


def mask_spans(present: Tensor, rate: float) -> Tensor:
    """Hide neighbours together (Joshi et al., SpanBERT, 2020); spans may overlap, so a little fewer than ``rate``."""
    starts = mask_chars(present, rate / (sum(_SPANS) / 2))
    lengths = torch.randint(_SPANS[0], _SPANS[1] + 1, present.shape, device=present.device)
    place = torch.arange(present.shape[1], device=present.device)
    reach = (starts * (place + lengths)).cummax(dim=1).values  # (chunks, chars): where the spans begun so far end
    return (place < reach) & present


def mask_words(present: Tensor, rate: float) -> Tensor:
    """Hide all of a chunk but its length (whole-word masking, Cui et al. 2021)."""
    return (torch.rand(len(present), 1, device=present.device) < rate) & present


MASKINGS: dict[str, Callable[[Tensor, float], Tensor]] = {"char": mask_chars, "span": mask_spans, "word": mask_words}
