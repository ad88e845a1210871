"""The objectives of E2: what teaches meaning."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import torch
from sentence_transformers.sentence_transformer import losses as stock
from torch import Tensor
from typing_extensions import override

from tiered_st import losses
from training.corpus import Corpus
from training.objectives.objective import Objective
from training.objectives.rows import OfExamples, OfPairs, OfTexts, OfWords
from training.streams.window_vectors import vectors_name
from training.targets import Targets
from training.tasks import NextSentenceTask, Noise, PairTask, Task, TextTask


class Distillation(OfTexts):
    """Aim noisy copies of a text at a teacher's vector of the clean one."""

    name, title = "distillation", "sentence distillation"
    makes, given, views = losses.SentenceDistillationLoss, ("targets",), None

    @override
    def data(self, targets: Targets) -> dict[str, Any]:
        if targets.corpus.streams is not None:  # rows bring the vectors of their window
            return {"targets": torch.empty(0, targets.student.config.d_sem, dtype=torch.float16)}
        return {"targets": targets.texts}

    @override
    def vectors(self, corpus: Corpus) -> str | None:
        return vectors_name(corpus.student) if corpus.streams is not None else None


class WordDistillation(OfWords):
    """Aim misspelt words, each a text of its own, at a teacher's vector of the right one: queries of one word."""

    name, title = "word_distillation", "distillation of words"
    makes, given, views = losses.SentenceDistillationLoss, ("targets",), None
    streams = False

    @override
    def data(self, targets: Targets) -> dict[str, Any]:
        return {"targets": targets.lone_words}


class PassageDistillation(OfTexts):
    """Aim noisy copies of a passage at the mean of a teacher's vectors of its pieces, short enough for the teacher."""

    name, title = "passage_distillation", "passage distillation"
    makes, given, views = losses.SentenceDistillationLoss, ("targets",), None
    reads, streams = ("passages",), False

    @override
    def data(self, targets: Targets) -> dict[str, Any]:
        return {"targets": targets.passages}


class ParallelDistillation(OfTexts):
    """Aim noisy copies of a text at a teacher's vector of its translation into the teacher's language.

    Reference: Reimers & Gurevych 2020, Making Monolingual Sentence Embeddings Multilingual.
    """

    name, title = "parallel_distillation", "distillation of translations"
    makes, given, views = losses.SentenceDistillationLoss, ("targets",), None
    reads, streams = ("parallel", "forms"), False

    @override
    def rows(self, targets: Targets, noise: Noise, *, batch: int, views: int, word_power: float | None) -> Task:
        corpus = targets.corpus
        texts = [foreign for foreign, _ in corpus.parallel]
        return TextTask(texts, noise, batch, views=views, seed=corpus.recipe.seed)

    @override
    def data(self, targets: Targets) -> dict[str, Any]:
        return {"targets": targets.parallel}


class ParallelPassages(ParallelDistillation):
    """Aim noisy copies of translations that follow each other at the mean of a teacher's vectors of what they say."""

    name, title = "parallel_passages", "distillation of translated passages"

    @override
    def rows(self, targets: Targets, noise: Noise, *, batch: int, views: int, word_power: float | None) -> Task:
        corpus = targets.corpus
        texts = [" ".join(corpus.parallel[i][0] for i in passage) for passage in corpus.parallel_passages]
        batch = min(batch, len(texts))  # there are far fewer than texts, and a budget has fewer rows of them anyway
        return TextTask(texts, noise, batch, views=views, seed=corpus.recipe.seed)

    @override
    def data(self, targets: Targets) -> dict[str, Any]:
        return {"targets": targets.parallel_passages}


class Ranking(OfPairs):
    """Find a text's paraphrase among those of others."""

    name, title, makes = "ranking", "MultipleNegativesRanking", stock.MultipleNegativesRankingLoss


class Retrieval(OfPairs):
    """Find the passage that a question or title asks for among those of others."""

    name, title, makes = "retrieval", "MultipleNegativesRanking of passages", stock.MultipleNegativesRankingLoss
    reads, alike = ("searches",), 1


class CachedRanking(OfPairs):
    """Find it in batches larger than memory holds."""

    name, title = "cached_ranking", "CachedMultipleNegativesRanking"
    makes, defaults = stock.CachedMultipleNegativesRankingLoss, {"mini_batch_size": 32}


class SimCSE(OfTexts):
    """Find a text's other dropout copy among those of others."""

    name, title, makes = "simcse", "SimCSE", losses.SimCSELoss


class ChunkOrder(OfTexts):
    """Say whether two chunks were swapped."""

    name, makes = "chunk_order", losses.ChunkOrderLoss


class NextChunk(OfTexts):
    """Find the chunks that come next."""

    name, makes = "next_chunk", losses.NextChunkLoss


class MaskedChunk(OfTexts):
    """Guess masked chunks."""

    name, makes = "masked_chunk", losses.MaskedChunkLoss


class NextSentence(Objective):
    """Say whether a sentence follows another."""

    name, makes, reads = "next_sentence", losses.NextSentenceLoss, ("documents",)

    @override
    def rows(self, targets: Targets, noise: Noise, *, batch: int, views: int, word_power: float | None) -> Task:
        corpus = targets.corpus
        make = partial(NextSentenceTask, noise=noise, batch=batch, seed=corpus.recipe.seed)
        return corpus.task("documents", make, batch)


class SectionTopic(OfExamples):
    """Name the section that a passage stands in."""

    name, makes, given = "section_topic", losses.ClassificationLoss, ("num_labels",)
    reads, examples, streams = ("documents",), "sections", False

    @override
    def data(self, targets: Targets) -> dict[str, Any]:
        return {"num_labels": len(targets.corpus.topics)}


class STS(OfExamples):
    """Order pairs by how alike people found them."""

    name, title, makes, reads, examples = "sts", "CoSENT", stock.CoSENTLoss, ("scored",), "scored"


class Classification(OfExamples):
    """Tell the classes of texts apart."""

    name, makes, given = "classification", losses.ClassificationLoss, ("num_labels",)
    reads, examples, streams = ("labelled",), "labelled", False

    @override
    def data(self, targets: Targets) -> dict[str, Any]:
        return {"num_labels": len(targets.corpus.classes)}


class Relevance(Objective):
    """Find for a query those texts that a second teacher finds, among such as are near each other to that teacher.

    Args:
        sure: least share that the best of the nearest candidates has of the teacher's softmax; other queries are left
            out: what they ask for is not there.
        **arguments: of the loss.
    """

    name, title = "relevance", "relevance distillation"
    makes, given = losses.RelevanceDistillationLoss, ("queries", "documents")
    reads, budgets, streams = ("queries", "candidates"), True, False

    def __init__(self, *, sure: float = 0.0, **arguments: Any) -> None:
        super().__init__(**arguments)
        if not 0.0 <= sure < 1.0:
            raise ValueError(f"relevance: sure={sure!r} is a share, from 0 (all queries) to less than 1.")
        self.sure = sure

    @override
    def rows(self, targets: Targets, noise: Noise, *, batch: int, views: int, word_power: float | None) -> Task:
        corpus, (queries, answers) = targets.corpus, self._answered(targets)
        numbers = zip(queries.tolist(), answers.tolist(), strict=True)
        pairs = [(corpus.queries[query], corpus.candidates[answer], str(answer)) for query, answer in numbers]
        near = targets.candidates[answers].numpy()
        batch = min(batch, len(answers.unique()))  # the teacher may find the same few for all
        return PairTask(pairs, noise, batch, seed=corpus.recipe.seed, alike=1, near=near)

    @override
    def data(self, targets: Targets) -> dict[str, Any]:
        queries, answers = self._answered(targets)
        return {"queries": targets.queries[queries], "documents": targets.candidates[answers]}

    def _answered(self, targets: Targets) -> tuple[Tensor, Tensor]:
        temperature = inspect.signature(self.makes).parameters["teacher_temperature"].default
        return targets.answered(self.arguments.get("teacher_temperature", temperature), self.sure)


class Relations(OfTexts):
    """Find those texts alike that a second teacher finds alike, whatever space its vectors are of."""

    name, title = "relations", "relation distillation"
    makes, given, views = losses.RelationDistillationLoss, ("targets",), None
    reads, streams = ("related",), False

    @override
    def data(self, targets: Targets) -> dict[str, Any]:
        return {"targets": targets.related}
