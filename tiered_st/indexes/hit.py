"""What a search finds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hit:
    """One search result; `score` is the cosine similarity, -1 to 1."""

    id: str
    score: float
    text: str
