"""Find the right one among many: what the losses share that compare the rows of a batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def info_nce(
    queries: Tensor, candidates: Tensor, targets: Tensor, scale: float, *, left_out: Tensor | None = None
) -> Tensor:
    """Return the cross-entropy of finding each query's candidate by cosine (van den Oord et al. 2018).

    Args:
        queries: (n, d).
        candidates: (m, d).
        targets: (n,) int64, the candidate of each query.
        scale: inverse temperature.
        left_out: (n, m) boolean, candidates that are no negatives of a query.
    """
    if len(queries) == 0:
        return queries.float().sum()
    scores = scale * F.normalize(queries.float(), dim=1) @ F.normalize(candidates.float(), dim=1).T  # (n, m)
    if left_out is not None:
        scores = scores.masked_fill(left_out, float("-inf"))
    return F.cross_entropy(scores, targets)


def find_rows(queries: Tensor, candidates: Tensor, numbers: Tensor, scale: float) -> Tensor:
    """Return the InfoNCE of rows that belong together; rows of one number are not each other's negatives.

    Args:
        queries: (n, d), each the partner of the candidate in the same row.
        candidates: (n, d).
        numbers: (n,) int64, equal where rows say the same.
        scale: inverse temperature.
    """
    rows = torch.arange(len(numbers), device=numbers.device)
    same = (numbers[:, None] == numbers[None, :]) & (rows[:, None] != rows[None, :])  # (n, n)
    return info_nce(queries, candidates, rows, scale, left_out=same)


def divergence(teacher: Tensor, student: Tensor) -> Tensor:
    """Return KL(teacher ‖ student) of each row's softmax over the others of its batch, the mean over rows.

    Args:
        teacher: scores, (n, n).
        student: scores, (…, n, n).
    """
    return divergence_of(others(teacher), others(student))


def divergence_of(teacher: Tensor, student: Tensor) -> Tensor:
    """Return KL(teacher ‖ student) of each row's softmax, the mean over rows, of scores (…, n, m)."""
    wanted, own = (F.log_softmax(scores, dim=-1) for scores in (teacher, student))
    return (wanted.exp() * (wanted - own)).sum(dim=-1).mean()


def others(scores: Tensor) -> Tensor:
    """Drop the diagonal, each row's score of itself: (…, n, n) to (…, n, n - 1)."""
    n = scores.shape[-1]
    return scores.flatten(-2)[..., 1:].unflatten(-1, (n - 1, n + 1))[..., :-1].reshape(*scores.shape[:-1], n - 1)
