"""What each objective of a stage is made of: its rows and its loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import losses as stock
from torch import nn

from tiered_st import losses
from training.stage import Stage
from training.tasks import LabelledTask, NextSentenceTask, Noise, PairTask, SpacingTask, Task, TextTask, WordTask

if TYPE_CHECKING:
    from training.assemble import Workshop


class Maker(NamedTuple):
    """How an objective's rows and its loss are made."""

    task: Callable[[Workshop, Stage, Noise], Task]
    loss: Callable[[Workshop, SentenceTransformer], nn.Module]


def _words(views: int | None) -> Callable[[Workshop, Stage, Noise], Task]:
    """Make rows of words with as many noisy views, or as many as the stage says."""

    def task(shop: Workshop, stage: Stage, noise: Noise) -> Task:
        words, probabilities = shop.words_by(stage.word_power)
        return WordTask(
            words, probabilities, noise, views=stage.views if views is None else views, seed=shop.recipe.seed
        )

    return task


def _texts(views: int | None) -> Callable[[Workshop, Stage, Noise], Task]:
    """Make rows of texts with as many noisy views, or as many as the stage says."""

    def task(shop: Workshop, stage: Stage, noise: Noise) -> Task:
        count = stage.views if views is None else views
        return TextTask(shop.texts, noise, stage.batch, views=count, seed=shop.recipe.seed)

    return task


def _pairs(shop: Workshop, stage: Stage, noise: Noise) -> Task:
    return PairTask(shop.pairs, noise, stage.batch, seed=shop.recipe.seed)


def _spacing(shop: Workshop, stage: Stage, noise: Noise) -> Task:
    return SpacingTask(shop.texts, stage.batch, seed=shop.recipe.seed)


def _neighbours(shop: Workshop, stage: Stage, noise: Noise) -> Task:
    return NextSentenceTask(shop.documents, noise, stage.batch, seed=shop.recipe.seed)


def _examples(which: str) -> Callable[[Workshop, Stage, Noise], Task]:
    """Make rows of what the workshop calls ``which``: (texts, label)."""

    def task(shop: Workshop, stage: Stage, noise: Noise) -> Task:
        return LabelledTask(getattr(shop, which), noise, stage.batch, seed=shop.recipe.seed)

    return task


def _mimicry(shop: Workshop, model: SentenceTransformer) -> nn.Module:
    return losses.WordMimicryLoss(model, shop.word_targets, marks=shop.mark_targets)


def _recognition(shop: Workshop, model: SentenceTransformer) -> nn.Module:
    return losses.WordRecognitionLoss(model, shop.word_slots)


MAKERS: dict[str, Maker] = {
    # E1
    "mimicry": Maker(_words(None), _mimicry),
    "recognition": Maker(_words(None), _recognition),
    "identity": Maker(_words(1), lambda shop, model: losses.ChunkIdentityLoss(model)),
    "char_mlm": Maker(_words(0), lambda shop, model: losses.CharMLMLoss(model)),
    "span_mlm": Maker(_words(0), lambda shop, model: losses.CharMLMLoss(model, masking=(("span", 1.0),))),
    "char_clm": Maker(_words(0), lambda shop, model: losses.CharCLMLoss(model)),
    "reconstruction": Maker(_words(0), lambda shop, model: losses.ReconstructionLoss(model)),
    "boundary": Maker(_spacing, lambda shop, model: losses.BoundaryLoss(model)),
    # E2
    "distillation": Maker(_texts(None), lambda shop, model: losses.SentenceDistillationLoss(model, shop.text_targets)),
    "ranking": Maker(_pairs, lambda shop, model: stock.MultipleNegativesRankingLoss(model)),
    "cached_ranking": Maker(
        _pairs, lambda shop, model: stock.CachedMultipleNegativesRankingLoss(model, mini_batch_size=32)
    ),
    "simcse": Maker(_texts(0), lambda shop, model: losses.SimCSELoss(model)),
    "chunk_order": Maker(_texts(0), lambda shop, model: losses.ChunkOrderLoss(model)),
    "next_chunk": Maker(_texts(0), lambda shop, model: losses.NextChunkLoss(model)),
    "masked_chunk": Maker(_texts(0), lambda shop, model: losses.MaskedChunkLoss(model)),
    "next_sentence": Maker(_neighbours, lambda shop, model: losses.NextSentenceLoss(model)),
    "section_topic": Maker(
        _examples("sections"), lambda shop, model: losses.ClassificationLoss(model, num_labels=len(shop.topics))
    ),
    "sts": Maker(_examples("scored"), lambda shop, model: stock.CoSENTLoss(model)),
    "classification": Maker(
        _examples("labelled"), lambda shop, model: losses.ClassificationLoss(model, num_labels=len(shop.classes))
    ),
}


def make_task(shop: Workshop, stage: Stage, objective: str) -> Task:
    """Make the rows of an objective."""
    noise = Noise(stage.noise, shop.misspellings, stage.real, f"{shop.recipe.seed}:{stage.name}:{objective}")
    return MAKERS[objective].task(shop, stage, noise)
