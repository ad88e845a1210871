"""Turn a recipe's rows into a model, its data, its losses."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from tiered_st import losses
from tiered_st.config import TieredConfig
from tiered_st.losses.columns import tiers_of
from tiered_st.model import build, load, set_storage
from tiered_st.modules import SemanticEncoder
from tiered_st.noise import Misspellings
from training import teacher as teachers
from training.fine_tuned import FineTuned, build_fine_tuned
from training.objectives import MAKERS
from training.read_table import find_table, read_table
from training.sources import HUB, Source
from training.stage import Objective, Ramp, Recipe
from training.subword import SubwordConfig, build_subword
from training.words import lexicon

logger = logging.getLogger(__name__)

TOPICS = 256  # most frequent section titles that "section_topic" tells apart


class Weighted(nn.Module):
    """Multiply a loss by a weight, fixed or following a schedule over the stage.

    Attributes:
        progress: how far the stage is, from 0 to 1; callbacks.Progress moves it.
    """

    def __init__(self, loss: nn.Module, weight: float | Ramp) -> None:
        super().__init__()
        self.loss = loss
        self.weight = weight if isinstance(weight, Ramp) else Ramp(weight, weight)
        self.progress = 0.0

    @property
    def model(self) -> nn.Module:
        """Return the inner loss's model: the trainer puts its distributed wrapper only where it finds one."""
        return self.loss.get_submodule("model")

    def forward(self, *args: object, **kwargs: object) -> Tensor:
        return self.weight.at(self.progress) * self.loss(*args, **kwargs)


@dataclass
class Workshop:
    """Hold what the stages of a recipe share; each thing is made when first asked for."""

    recipe: Recipe
    data: Path | None
    cache: Path
    device: str | None = None
    deadline: float | None = None  # of time.monotonic, for the teacher's vectors, which may take hours

    @cached_property
    def teacher(self) -> SentenceTransformer:
        if self.recipe.teacher is None:
            raise ValueError(
                f"Recipe {self.recipe.name} names no teacher, but mimicry, distillation and warm_start learn from one: "
                "name one, or leave them out (warm_start=False)."
            )
        return teachers.load_teacher(self.recipe.teacher, device=self.device)

    @cached_property
    def texts(self) -> list[str]:
        texts = list(dict.fromkeys(text for source in self.recipe.texts for text in source.texts(self.data)))
        logger.info("%d texts", len(texts))
        return texts

    @cached_property
    def pairs(self) -> list[tuple[str, str, str]]:
        return [pair for source in self._given("pairs") for pair in source.pairs(self.data)]

    @cached_property
    def documents(self) -> list[list[str]]:
        documents = [parts for source in self._given("documents") for parts in source.documents(self.data)]
        return [parts for parts in documents if len(parts) > 1]

    @cached_property
    def topics(self) -> list[str]:
        """The section titles that occur most often, the classes of "section_topic"."""
        counts = Counter(title for title, _ in self._sections)
        return [title for title, _ in counts.most_common(TOPICS)]

    @cached_property
    def sections(self) -> list[tuple[tuple[str], int]]:
        """Passages and the index of the title of the section each stands in."""
        number = {title: i for i, title in enumerate(self.topics)}
        return [((text,), number[title]) for title, text in self._sections if title in number]

    @cached_property
    def _sections(self) -> list[tuple[str, str]]:
        return [section for source in self._given("documents") for section in source.sections(self.data)]

    @cached_property
    def scored(self) -> list[tuple[tuple[str, ...], float]]:
        return [(texts, float(label)) for texts, label in self._labelled("scored")]

    @cached_property
    def classes(self) -> list[str]:
        return sorted({str(label) for _, label in self._labelled("labelled")})

    @cached_property
    def labelled(self) -> list[tuple[tuple[str, ...], int]]:
        number = {name: i for i, name in enumerate(self.classes)}
        return [(texts, number[str(label)]) for texts, label in self._labelled("labelled")]

    def _labelled(self, which: str) -> list[tuple[tuple[str, ...], Any]]:
        return [example for source in self._given(which) for example in source.labelled(self.data)]

    def _given(self, which: str) -> tuple[Source, ...]:
        """Return the sources of one kind, which there must be."""
        sources = getattr(self.recipe, which)
        if not sources:
            raise ValueError(f"Recipe {self.recipe.name} has an objective that reads {which}, but names none.")
        return sources

    @cached_property
    def misspellings(self) -> Misspellings | None:
        name = self.recipe.misspellings
        if name is None:
            return None
        if name.startswith(HUB) or self.data is None:
            raise ValueError(f"misspellings={name!r} must be a local table: say where with --data DIR.")
        if (path := find_table(self.data, name)) is None:
            raise ValueError(
                f"{self.data / name}.parquet does not exist: give it, or leave it out by --without {name}."
            )
        table = read_table(path)
        return Misspellings(zip(table["misspelt"], table["correct"], strict=True))

    @cached_property
    def config(self) -> TieredConfig | SubwordConfig | FineTuned:
        """The recipe's architecture, E2 the teacher's where it starts from it."""
        config = self.recipe.config
        if config is None:
            return tiers_of(self._start).settings
        if isinstance(config, FineTuned):
            return replace(config, d_sem=self.teacher.get_embedding_dimension() or config.d_sem)
        if isinstance(config, SubwordConfig) or not self.recipe.warm_start:
            return config
        body = teachers.body_config(self.teacher, self._layers, self.recipe.warm_ffn)
        return replace(config, body=body, d_sem=body["hidden_size"])

    @property
    def _layers(self) -> tuple[int, ...] | None:
        return self.recipe.warm_start if isinstance(self.recipe.warm_start, tuple) else None

    @cached_property
    def _start(self) -> SentenceTransformer:
        assert self.recipe.start is not None
        return load(self.recipe.start, device=self.device)

    def model(self) -> SentenceTransformer:
        """Build the recipe's model, E2 warm-started where the recipe says so, or load the one it starts from."""
        if self.recipe.start is not None:
            return self._ready(self._start)
        if isinstance(self.config, FineTuned):
            return build_fine_tuned(self.teacher)
        if isinstance(self.config, SubwordConfig):
            folder = self.cache / f"subword-{self.recipe.name}"
            return build_subword(self.config, self.texts, folder, device=self.device)
        model = build(self.config, device=self.device)
        if self.recipe.warm_start:
            teachers.warm_start(model[1], self.teacher, self._layers)
        if self.recipe.warm_start or self._practises("mimicry"):
            projector = tiers_of(model).chunk_projector
            projector.init_output(self.word_targets)
            slots = self.word_slots
            by_slot = slots.argsort()[int((slots == 0).sum()) :]
            projector.init_memory(self.word_targets[by_slot])
        memory = tiers_of(model).chunk_projector.memory
        if memory is not None and self._practises("recognition"):
            memory.init_biases(self.slot_probabilities)
        if self.recipe.e1 is not None:
            self._take_over(self.recipe.e1, model)
        return self._ready(model)

    @staticmethod
    def _take_over(e1: str, model: SentenceTransformer) -> None:
        """Copy the weights of another model's E1 and projector."""
        try:
            model[0].load_state_dict(load(e1, device="cpu")[0].state_dict())
        except RuntimeError as error:
            raise ValueError(
                f"The recipe takes E1 over from {e1}, but its config describes another one: {str(error)[:300]}"
            ) from None

    @staticmethod
    def _ready(model: SentenceTransformer) -> SentenceTransformer:
        set_storage(model, "float32")  # while it learns
        model.trust_remote_code = True  # lets the trainer reload its own checkpoints
        return model

    def _practises(self, objective: str) -> bool:
        return any(row.name == objective for stage in self.recipe.stages for row in stage.objectives)

    @cached_property
    def lexicon(self) -> tuple[list[str], NDArray]:
        longest = getattr(self.config, "chunk_chars", TieredConfig.chunk_chars)
        recipe = self.recipe
        words, probabilities = lexicon(
            self.texts, recipe.words, self.data, longest, recipe.word_power, recipe.word_listed, recipe.frequencies
        )
        logger.info("%d words", len(words))
        return words, probabilities

    def words_by(self, power: float | None) -> tuple[list[str], NDArray]:
        """Return the lexicon with the probabilities of another power, None being the recipe's."""
        words, probabilities = self.lexicon
        if power is None:
            return words, probabilities
        weights = probabilities ** (power / self.recipe.word_power)
        return words, weights / weights.sum()

    @cached_property
    def word_targets(self) -> Tensor:
        """The teacher's vectors of the lexicon's words, (words, d_sem)."""
        return self._raw_word_targets @ self._word_axes

    @cached_property
    def word_slots(self) -> Tensor:
        """The memory slot of each word of the lexicon, (words,) int64: the most frequent words have one, others 0."""
        words, probabilities = self.lexicon
        frequent = np.argsort(-probabilities, kind="stable")[: getattr(self.config, "memory_slots", 0)]
        slots = torch.zeros(len(words), dtype=torch.int64)
        slots[torch.from_numpy(frequent)] = torch.arange(1, 1 + len(frequent))
        return slots

    @cached_property
    def slot_probabilities(self) -> Tensor:
        """How often each slot is practised, (1 + memory_slots,) float64."""
        slots, probabilities = self.word_slots, torch.from_numpy(self.lexicon[1])
        return torch.zeros(1 + getattr(self.config, "memory_slots", 0), dtype=torch.float64).index_add(
            0, slots, probabilities
        )

    @cached_property
    def mark_targets(self) -> Tensor:
        """The teacher's vectors of its two special tokens, (2, d_sem)."""
        return teachers.mark_vectors(self.teacher) @ self._word_axes

    @cached_property
    def text_targets(self) -> Tensor:
        """The teacher's embeddings of the texts, (texts, d_sem) float16."""
        vectors = teachers.sentence_vectors(self.teacher, self.texts, self.cache, self.deadline)
        return (vectors.float() @ teachers.principal_axes(vectors, self.config.d_sem)).half()

    @cached_property
    def _raw_word_targets(self) -> Tensor:
        return teachers.word_vectors(self.teacher, self.lexicon[0])

    @cached_property
    def _word_axes(self) -> Tensor:
        return teachers.principal_axes(self._raw_word_targets, self.config.d_sem)

    def losses(self, model: SentenceTransformer, objectives: Iterable[Objective]) -> dict[str, nn.Module]:
        """Make the losses of a stage by the names of their objectives."""
        made: dict[str, nn.Module] = {}
        for name, _, weight, stop in objectives:
            loss = MAKERS[name].loss(self, model)
            loss = losses.StopAtProjector(loss) if stop else loss
            made[name] = loss if weight == 1.0 else Weighted(loss, weight)
        return made


def select_parameters(model: SentenceTransformer, learns: tuple[str, ...]) -> list[str]:
    """Let exactly the parameters named by ``learns`` be trained, and return their names.

    Raises:
        ValueError: if an entry names no parameter.
    """
    norms = {
        f"{module}.{name}"
        for module, layer in model.named_modules()
        if isinstance(layer, nn.LayerNorm)
        for name, _ in layer.named_parameters()
    }
    chosen = []
    for entry in learns:
        prefix = entry.removeprefix("norms:")
        names = [name for name, _ in model.named_parameters() if name.startswith(prefix + ".")]
        names = [name for name in names if entry == prefix or name in norms]
        if not names:
            known = ", ".join(name for name, _ in model.named_children())
            raise ValueError(f"learns={entry!r} names no parameter; the model's modules are {known}.")
        chosen += names
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in set(chosen))
    return chosen


def set_gradient_checkpointing(model: SentenceTransformer, on: bool) -> None:
    """Switch gradient checkpointing of E2 on or off; E1 has little to gain, for each chunk passes it once."""
    for module in model:
        if isinstance(module, SemanticEncoder):
            if on:
                module.gradient_checkpointing_enable()
            else:
                module.gradient_checkpointing_disable()
