"""Turn a recipe's rows into a model, its data, its losses."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import losses as stock
from torch import nn

from tiered_st import losses
from tiered_st.losses.columns import tiers_of
from tiered_st.model import build, set_storage
from tiered_st.modules import SemanticEncoder
from tiered_st.noise import Misspellings
from training import teacher as teachers
from training.sources import HUB
from training.stage import Recipe, Stage
from training.tasks import Noise, PairTask, Task, TextTask, WordTask
from training.words import lexicon

logger = logging.getLogger(__name__)


class Weighted(nn.Module):
    """Multiply a loss by a weight."""

    def __init__(self, loss: nn.Module, weight: float) -> None:
        super().__init__()
        self.loss = loss
        self.weight = weight

    @property
    def model(self) -> nn.Module:
        """Return the inner loss's model: the trainer puts its distributed wrapper only where it finds one."""
        return self.loss.get_submodule("model")

    def forward(self, *args: object, **kwargs: object) -> torch.Tensor:
        return self.weight * self.loss(*args, **kwargs)


@dataclass
class Workshop:
    """Hold what the stages of a recipe share; each thing is made when first asked for."""

    recipe: Recipe
    data: Path | None
    cache: Path
    device: str | None = None

    @cached_property
    def teacher(self) -> SentenceTransformer:
        return teachers.load_teacher(self.recipe.teacher, device=self.device)

    @cached_property
    def texts(self) -> list[str]:
        texts = list(dict.fromkeys(text for source in self.recipe.texts for text in source.texts(self.data)))
        logger.info("%d texts", len(texts))
        return texts

    @cached_property
    def misspellings(self) -> Misspellings | None:
        name = self.recipe.misspellings
        if name is None:
            return None
        if name.startswith(HUB) or self.data is None:
            raise ValueError(f"misspellings={name!r} must be a local table: say where with --data DIR.")
        return Misspellings.from_parquet(self.data / f"{name}.parquet")

    def model(self) -> SentenceTransformer:
        """Build the recipe's model, E2 warm-started where the recipe says so."""
        config, chosen = self.recipe.config, self.recipe.warm_start
        layers = chosen if isinstance(chosen, tuple) else None
        if chosen:
            body = teachers.body_config(self.teacher, layers)
            config = replace(config, body=body, d_sem=body["hidden_size"])
        model = build(config, device=self.device)
        if chosen:
            teachers.warm_start(model[1], self.teacher, layers)
            tiers_of(model).chunk_projector.match(self.word_targets)
        set_storage(model, "float32")
        model.trust_remote_code = True  # lets the trainer reload its own checkpoints
        return model

    @cached_property
    def lexicon(self) -> tuple[list[str], NDArray[np.float64]]:
        words, probabilities = lexicon(self.texts, self.recipe.words, self.data)
        logger.info("%d words", len(words))
        return words, probabilities

    @cached_property
    def word_targets(self) -> torch.Tensor:
        return teachers.word_vectors(self.teacher, self.lexicon[0])

    @cached_property
    def text_targets(self) -> torch.Tensor:
        return teachers.sentence_vectors(self.teacher, self.texts, self.cache)

    def task(self, stage: Stage, objective: str) -> Task:
        """Make the rows of an objective."""
        seed = self.recipe.seed
        noise = Noise(stage.noise, self.misspellings, stage.real, f"{self.recipe.seed}:{stage.name}:{objective}")
        if objective in ("mimicry", "identity", "char_mlm"):
            words, probabilities = self.lexicon
            views = {"mimicry": stage.views, "identity": 1, "char_mlm": 0}[objective]
            return WordTask(words, probabilities, noise, views=views, seed=seed)
        if objective == "distillation":
            return TextTask(self.texts, noise, stage.batch, views=stage.views, seed=seed)
        pairs = [pair for source in self.recipe.pairs for pair in source.pairs(self.data)]
        return PairTask(pairs, noise, stage.batch, seed=seed)

    def loss(self, model: SentenceTransformer, objective: str, weight: float) -> nn.Module:
        """Make the loss of an objective."""
        if objective == "mimicry":
            marks = teachers.mark_vectors(self.teacher)
            loss: nn.Module = losses.WordMimicryLoss(model, self.word_targets, marks=marks)
        elif objective == "identity":
            loss = losses.ChunkIdentityLoss(model)
        elif objective == "char_mlm":
            loss = losses.CharMLMLoss(model)
        elif objective == "distillation":
            loss = losses.SentenceDistillationLoss(model, self.text_targets)
        else:
            loss = stock.MultipleNegativesRankingLoss(model)
        return loss if weight == 1.0 else Weighted(loss, weight)


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
