"""The kinds of rows that objectives learn from."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from typing_extensions import override

from training.corpus import Corpus
from training.objectives.objective import Objective
from training.targets import Targets
from training.tasks import LabelledTask, Noise, PairTask, Task, TextTask, WordTask


class OfWords(Objective):
    """Learn from words with ``views`` noisy copies; None means as many as the stage says."""

    reads = ("texts", "words", "frequencies")
    views: ClassVar[int | None] = 0

    @override
    def rows(self, targets: Targets, noise: Noise, *, batch: int, views: int, word_power: float | None) -> Task:
        corpus = targets.corpus
        words, probabilities = corpus.words_by(word_power)
        count = views if self.views is None else self.views
        return WordTask(words, probabilities, noise, views=count, seed=corpus.recipe.seed)


class OfTexts(Objective):
    """Learn from texts with ``views`` noisy copies; None means as many as the stage says."""

    budgets = True
    reads: ClassVar[tuple[str, ...]] = ("texts",)
    views: ClassVar[int | None] = 0

    @override
    def rows(self, targets: Targets, noise: Noise, *, batch: int, views: int, word_power: float | None) -> Task:
        corpus, count = targets.corpus, views if self.views is None else self.views
        make = partial(TextTask, noise=noise, batch=batch, views=count, seed=corpus.recipe.seed)
        return corpus.task(self.reads[0], make, batch, self.vectors(corpus))

    def vectors(self, corpus: Corpus) -> str | None:
        """Return the files of a stream's windows whose vectors are the rows' labels; None for numbers of texts."""
        return None


class OfPairs(Objective):
    """Learn from pairs of texts; batches are of pairs whose text number ``alike`` is of similar length."""

    reads, budgets = ("pairs",), True
    alike: ClassVar[int] = 0

    @override
    def rows(self, targets: Targets, noise: Noise, *, batch: int, views: int, word_power: float | None) -> Task:
        corpus = targets.corpus
        make = partial(PairTask, noise=noise, batch=batch, seed=corpus.recipe.seed, alike=self.alike)
        return corpus.task(self.reads[0], make, batch)


class OfExamples(Objective):
    """Learn from texts with a label, which the corpus calls ``examples``."""

    examples: ClassVar[str]

    @override
    def rows(self, targets: Targets, noise: Noise, *, batch: int, views: int, word_power: float | None) -> Task:
        corpus = targets.corpus
        make = partial(LabelledTask, noise=noise, batch=batch, seed=corpus.recipe.seed)
        return corpus.task(self.examples, make, batch)
