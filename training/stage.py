"""The rows of a training table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from tiered_st.config import TieredConfig
from tiered_st.noise import NoisePolicy
from training.fine_tuned import FineTuned
from training.sources import Source
from training.subword import SubwordConfig

# What training.objectives can make, E1's own objectives first.
E1_OBJECTIVES = (
    "mimicry", "recognition", "identity", "char_mlm", "span_mlm", "char_clm", "reconstruction", "boundary",
)  # fmt: skip
E2_OBJECTIVES = (
    "distillation", "ranking", "cached_ranking", "simcse", "chunk_order", "next_chunk", "masked_chunk", "next_sentence",
    "section_topic", "sts", "classification",
)  # fmt: skip
OBJECTIVES = E1_OBJECTIVES + E2_OBJECTIVES


@dataclass(frozen=True)
class Ramp:
    """A weight that moves from ``start`` to ``end`` over the first part ``over`` of a stage, and then stays."""

    start: float
    end: float
    over: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.over <= 1:
            raise ValueError(f"Ramp(over={self.over}) is a share of the stage: give more than 0 and at most 1.")

    def at(self, progress: float) -> float:
        """Return the weight at ``progress``, from 0 at the stage's first step to 1 at its last."""
        return self.start + (self.end - self.start) * min(1.0, progress / self.over)


class Objective(NamedTuple):
    """One objective of a stage.

    Attributes:
        name: one of OBJECTIVES.
        share: its share of the steps.
        weight: of its loss; a Ramp makes it a schedule.
        stop: its gradients stop at the projector: E2 and the loss's head learn from it, E1 and the projector do not.
    """

    name: str
    share: float
    weight: float | Ramp = 1.0
    stop: bool = False


@dataclass(frozen=True)
class Stage:
    """One stage: what learns, by which objectives, for how long.

    Args:
        name: the stage's name, also of its folder.
        learns: parameter prefixes that are trained, e.g. "tiers"; "norms:tiers" means the LayerNorms of that tier.
        objectives: rows of Objective, as such or as plain tuples.
        steps: optimizer steps.
        batch: rows per step and device.
        rates: (parameter prefix, peak learning rate).
        noise: how views of words (mimicry, identity) or texts (the others) are corrupted.
        real: probability that real misspellings are put in first.
        views: noisy views per row beside the clean one.
        word_power: instead of the recipe's, where this stage practises rare words more, or less.
        warmup: share of the steps in which rates rise; they then fall along a cosine.
        chunks: longest text in chunks (tokens, for a subword model); longer ones are cut while training.
        gradient_checkpointing: run E2's layers again in the backward pass, to save the memory of a large batch.
    """

    name: str
    learns: tuple[str, ...]
    objectives: tuple[Any, ...]
    steps: int
    batch: int
    rates: tuple[tuple[str, float], ...]
    noise: NoisePolicy
    real: float = 0.0
    views: int = 1
    word_power: float | None = None
    warmup: float = 0.05
    chunks: int = 40
    gradient_checkpointing: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "objectives", tuple(Objective(*row) for row in self.objectives))
        for name, share, _, stop in self.objectives:
            if name not in OBJECTIVES:
                raise ValueError(f"Stage {self.name}: {name!r} is not one of {', '.join(OBJECTIVES)}.")
            if share <= 0:
                raise ValueError(f"Stage {self.name}: the share of {name} is {share}, which trains nothing.")
            if stop and name in E1_OBJECTIVES:
                raise ValueError(f"Stage {self.name}: {name} trains E1, but stop=True stops its gradients before E1.")
        names = [row.name for row in self.objectives]
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise ValueError(f"Stage {self.name} has two rows of {', '.join(twice)}: make them one.")
        for entry in self.learns:
            part = entry.removeprefix("norms:")
            if not any(f"{part}.".startswith(f"{prefix}.") for prefix, _ in self.rates):
                raise ValueError(f"Stage {self.name}: {entry} learns, but rates={self.rates} gives it no rate.")


@dataclass(frozen=True)
class Recipe:
    """Everything that makes one model: architecture, teacher, data and stages.

    Args:
        name: the recipe's name, also of what it makes.
        config: of a tiered model, or of what it is compared with, a subword model or the teacher fine-tuned; None
            where the recipe has a ``start``.
        stages: one after the other.
        texts: single texts, also what a subword vocabulary and the words to practise are taken from.
        teacher: a sentence-transformers model; only "mimicry", "distillation" and a warm start ask for one.
        pairs: paraphrases, for "ranking".
        words: tables of further words.
        frequencies: tables of words labelled with how often they are met in general; see training.words.lexicon.
        word_power: a word is practised as often as its count in the texts to this power: 0 all alike, 1 as they come.
        word_listed: occurrences that each table of words counts for.
        documents: texts whose sentences are in order, for "next_sentence" and "section_topic".
        scored: pairs with a similarity, for "sts".
        labelled: texts with a class, for "classification".
        misspellings: name of a table with columns misspelt, correct.
        e1: a trained model, a folder or the name of one that ships, whose E1 and projector this one takes over.
        start: a trained model to go on from, a folder or the name of one that ships, instead of a config.
        warm_start: E2 starts as the teacher's layers: all of them, or those of these numbers.
        warm_ffn: feed-forward units that those layers keep, of each the ones of the largest weights; by default all.
        storage: how the model is saved.
        finally_set: settings changed once trained, e.g. what is pooled.
    """

    name: str
    config: TieredConfig | SubwordConfig | FineTuned | None
    stages: tuple[Stage, ...]
    texts: tuple[Source, ...]
    teacher: str | None = None
    pairs: tuple[Source, ...] = ()
    words: tuple[Source, ...] = ()
    frequencies: tuple[Source, ...] = ()
    word_power: float = 1 / 3
    word_listed: float = 1.0
    documents: tuple[Source, ...] = ()
    scored: tuple[Source, ...] = ()
    labelled: tuple[Source, ...] = ()
    misspellings: str | None = None
    e1: str | None = None
    start: str | None = None
    warm_start: bool | tuple[int, ...] = True
    warm_ffn: int | None = None
    storage: str = "float32"
    finally_set: tuple[tuple[str, Any], ...] = ()
    seed: int = 0
    notes: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if (self.config is None) == (self.start is None):
            raise ValueError(f"Recipe {self.name} has config and start, or neither: give the one it begins with.")
        if self.word_power <= 0 and any(stage.word_power is not None for stage in self.stages):
            raise ValueError(
                f"Recipe {self.name} has word_power={self.word_power}, from which a stage's own cannot be reckoned: "
                "make it positive."
            )
        if self.misspellings is None and (rows := [stage.name for stage in self.stages if stage.real]):
            raise ValueError(
                f"Recipe {self.name}: real is the share of real misspellings, and misspellings=None names no table of "
                f"them: name one, or make real 0 in {', '.join(rows)}."
            )

    def smoke(self) -> Recipe:
        """Return the same recipe cut to a few small steps, to test that it runs, with an E1 of its own."""

        def cut(sources: tuple[Source, ...], count: int) -> tuple[Source, ...]:
            return tuple(replace(source, limit=min(source.limit or 200, 200)) for source in sources[:count])

        return replace(
            self, e1=None,
            texts=cut(self.texts, 2), pairs=cut(self.pairs, 1), words=(), frequencies=(),
            documents=cut(self.documents, 1), scored=cut(self.scored, 1), labelled=cut(self.labelled, 1),
            stages=tuple(replace(stage, steps=3, batch=16) for stage in self.stages),
        )  # fmt: skip
