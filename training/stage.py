"""The rows of a training table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from tiered_st.config import TieredConfig
from tiered_st.noise import NoisePolicy
from training.sources import Source

OBJECTIVES = ("mimicry", "identity", "char_mlm", "distillation", "ranking")


@dataclass(frozen=True)
class Stage:
    """One stage: what learns, by which objectives, for how long.

    Args:
        name: the stage's name, also of its folder.
        learns: parameter prefixes that are trained, e.g. "tiers"; "norms:tiers" means the LayerNorms of that tier.
        objectives: (objective, share of the steps, weight of the loss); see OBJECTIVES.
        steps: optimizer steps.
        batch: rows per step and device.
        rates: (parameter prefix, peak learning rate).
        warmup: share of the steps in which rates rise; they then fall along a cosine.
        noise: how views of words (mimicry, identity) or texts (the others) are corrupted.
        views: noisy views per row beside the clean one.
        chunks: longest text in chunks; longer ones are cut while training.
        gradient_checkpointing: run E2's layers again in the backward pass, to save the memory of a large batch.
    """

    name: str
    learns: tuple[str, ...]
    objectives: tuple[tuple[str, float, float], ...]
    steps: int
    batch: int
    rates: tuple[tuple[str, float], ...]
    noise: NoisePolicy
    real: float = 0.0  # probability that real misspellings are put in first
    views: int = 1
    warmup: float = 0.05
    chunks: int = 40
    gradient_checkpointing: bool = False

    def __post_init__(self) -> None:
        for name, share, _ in self.objectives:
            if name not in OBJECTIVES:
                raise ValueError(f"Stage {self.name}: {name!r} is not one of {', '.join(OBJECTIVES)}.")
            if share <= 0:
                raise ValueError(f"Stage {self.name}: the share of {name} is {share}, which trains nothing.")


@dataclass(frozen=True)
class Recipe:
    """Everything that makes one model: architecture, teacher, data and stages."""

    name: str
    config: TieredConfig
    stages: tuple[Stage, ...]
    teacher: str
    texts: tuple[Source, ...]
    pairs: tuple[Source, ...] = ()
    words: tuple[Source, ...] = ()
    misspellings: str | None = None  # name of a table with columns misspelt, correct
    warm_start: bool | tuple[int, ...] = True  # E2 starts as the teacher's layers: all, or these
    storage: str = "float32"
    finally_set: tuple[tuple[str, Any], ...] = ()  # settings changed once trained, e.g. what is pooled
    seed: int = 0
    notes: str = field(default="", compare=False)

    def smoke(self) -> Recipe:
        """Return the same recipe cut to a few small steps, to test that it runs."""
        return replace(
            self,
            texts=tuple(replace(source, limit=min(source.limit or 200, 200)) for source in self.texts[:2]),
            pairs=tuple(replace(source, limit=min(source.limit or 200, 200)) for source in self.pairs[:1]),
            words=(),
            stages=tuple(replace(stage, steps=3, batch=16) for stage in self.stages),
        )
