"""Ask all judges of a recipe about a model."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from statistics import fmean
from typing import Any, NamedTuple

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
from sentence_transformers.util import cos_sim

from tiered_st.evaluation import TypoRobustnessEvaluator
from tiered_st.noise import OPERATORS, seeded
from training.judging.held_out import HeldOut
from training.judging.judge import SIMILARITY, Judge, Pair

logger = logging.getLogger("training")
DEPTH = 10  # of the rankings
_BATCH = 32  # texts, of up to some hundred chunks each


class Verdict(NamedTuple):
    """What the judges say: their figures by name, and the main one, by which checkpoints are compared."""

    figures: dict[str, float]
    main: float


class Jury:
    """Judge models by the rows that are held out; the texts, noise included, are the same every time.

    Judging draws no random number and leaves a model as it was: one that is judged learns what another one does.

    Args:
        held: the rows, and whose they are.
        chunks: longest text of the finished model in chunks, for judges who name none; None as a model is set.
    """

    def __init__(self, held: HeldOut, chunks: int | None = None) -> None:
        self._held, self._chunks = held, chunks

    def prepare(self) -> None:
        """Choose the rows now, so that what is wrong with them is told before any training.

        Raises:
            ValueError: If a judge finds too few pairs.
        """
        asked = (f"{name} by {len(pairs)} pairs" for name, pairs in self._held.pairs.items())
        logger.info("judges: %s", ", ".join(asked))

    def __call__(
        self, model: SentenceTransformer, *, chunks: int | None = None, epoch: float = -1, step: int = -1
    ) -> Verdict:
        """Return what all judges say of a model.

        Args:
            model: which may be in the middle of its training.
            chunks: what it reads when it does not learn, for judges who name none where the recipe names none either.
            epoch: of the training, for the model's card.
            step: of the training, for the model's card.

        Raises:
            ValueError: If the model's embeddings are not finite.
        """
        figures: dict[str, float] = {}
        means: list[tuple[float, float]] = []  # weight, figure
        for judge in self._held.judges:
            with _reading(model, judge.chunks or self._chunks or chunks):
                ask = self._similarity if judge.kind == SIMILARITY else self._retrieval
                found = ask(judge, model, (epoch, step))
            figures |= {judge.figure(rate): round(value, 3) for rate, value in zip(judge.rates, found, strict=True)}
            means.append((judge.weight, fmean(found)))
        total = sum(weight for weight, _ in means)
        return Verdict(figures, round(sum(weight * value for weight, value in means) / total, 4))

    def _similarity(self, judge: Judge, model: SentenceTransformer, at: tuple[Any, int]) -> list[float]:
        evaluator: Any = self._evaluators[judge.name]
        metrics = evaluator(model, None, *at)
        return [metrics[f"{judge.name}_spearman_{100 * rate:.4g}"] for rate in judge.rates]

    def _retrieval(self, judge: Judge, model: SentenceTransformer, at: tuple[Any, int]) -> list[float]:
        evaluators: Any = self._evaluators[judge.name]
        corpus = model.encode_document(  # once for all rates
            evaluators[0].corpus, batch_size=_BATCH, show_progress_bar=False, convert_to_tensor=True
        )
        if not corpus.isfinite().all():
            raise ValueError(f"Judge {judge.name}: the model gave NaN or infinite embeddings.")
        found = [each(model, None, *at, corpus_embeddings=corpus) for each in evaluators]
        return [100.0 * metrics[each.primary_metric] for each, metrics in zip(evaluators, found, strict=True)]

    @cached_property
    def _evaluators(self) -> dict[str, TypoRobustnessEvaluator | list[InformationRetrievalEvaluator]]:
        return {
            judge.name: similarity(judge, pairs) if judge.kind == SIMILARITY else retrieval(judge, pairs)
            for judge in self._held.judges
            for pairs in [self._held.pairs[judge.name]]
        }


def similarity(judge: Judge, pairs: Sequence[Pair]) -> TypoRobustnessEvaluator:
    """Return the evaluator of scored pairs, for all rates."""
    return TypoRobustnessEvaluator(
        [pair.first for pair in pairs], [pair.second for pair in pairs], [pair.score for pair in pairs],
        rates=judge.rates, seeds=(judge.seed,), operator=judge.operator, name=judge.name, batch_size=_BATCH,
        write_csv=False,
    )  # fmt: skip


def retrieval(judge: Judge, pairs: Sequence[Pair]) -> list[InformationRetrievalEvaluator]:
    """Return the evaluators of queries and what answers them, one for each rate.

    The second texts of a cluster answer all first texts of it. Equal texts are one query, or one answer.
    """
    corpus = {text: f"d{i}" for i, text in enumerate(dict.fromkeys(pair.second for pair in pairs))}
    clusters: dict[str, set[str]] = {}
    for pair in pairs:
        clusters.setdefault(pair.cluster, set()).add(corpus[pair.second])
    relevant: dict[str, set[str]] = {}
    for pair in pairs:
        relevant.setdefault(pair.first, set()).update(clusters[pair.cluster])
    return [
        InformationRetrievalEvaluator(
            {f"q{i}": _mistyped(judge, rate, i, text) for i, text in enumerate(relevant)},
            {id: text for text, id in corpus.items()},
            {f"q{i}": answers for i, answers in enumerate(relevant.values())},
            mrr_at_k=[DEPTH], ndcg_at_k=[DEPTH], accuracy_at_k=[DEPTH], precision_recall_at_k=[DEPTH],
            map_at_k=[DEPTH], batch_size=_BATCH, name=judge.figure(rate), write_csv=False,
            score_functions={"cosine": cos_sim}, main_score_function="cosine",
        )
        for rate in judge.rates
    ]  # fmt: skip


def _mistyped(judge: Judge, rate: float, number: int, text: str) -> str:
    if not rate:
        return text
    rng = seeded("judge", judge.seed, round(1000 * rate), number)
    return OPERATORS[judge.operator](text, rate, rng).strip() or text


@contextmanager
def _reading(model: SentenceTransformer, chunks: int | None) -> Iterator[None]:
    """Let a model read so many chunks of a text, and go on learning afterwards as it did."""
    length, learning = model.max_seq_length, model.training
    try:
        if chunks is not None:
            model.max_seq_length = chunks
        yield
    finally:
        model.max_seq_length = length
        model.train(learning)
