"""The objectives of E1 and the projector: what teaches spelling."""

from __future__ import annotations

from functools import partial
from typing import Any

from typing_extensions import override

from tiered_st import losses
from training.objectives.objective import Objective
from training.objectives.rows import OfWords
from training.targets import Targets
from training.tasks import Noise, SpacingTask, Task


class Mimicry(OfWords):
    """Hit a teacher's vector of a word from its spellings."""

    name, title = "mimicry", "word mimicry"
    makes, given, views = losses.WordMimicryLoss, ("targets", "marks"), None

    @override
    def data(self, targets: Targets) -> dict[str, Any]:
        return {"targets": targets.words, "marks": targets.marks}


class Recognition(OfWords):
    """Recognise the word that a spelling stands for."""

    name, title = "recognition", "word recognition"
    makes, given, views = losses.WordRecognitionLoss, ("slots", "words"), None

    @override
    def data(self, targets: Targets) -> dict[str, Any]:
        return {"slots": targets.slots, "words": targets.corpus.lexicon[0]}


class Identity(OfWords):
    """Find the word among others that a misspelling stands for."""

    name, makes, views = "identity", losses.ChunkIdentityLoss, 1


class CharMLM(OfWords):
    """Guess masked characters."""

    name, makes = "char_mlm", losses.CharMLMLoss


class SpanMLM(OfWords):
    """Guess masked runs of characters."""

    name, makes, defaults = "span_mlm", losses.CharMLMLoss, {"masking": "span"}


class CharCLM(OfWords):
    """Guess the next character."""

    name, makes = "char_clm", losses.CharCLMLoss


class Reconstruction(OfWords):
    """Spell a word out of its vector."""

    name, makes = "reconstruction", losses.ReconstructionLoss


class Boundary(Objective):
    """Find where chunks start, also where spaces were dropped or put in."""

    name, makes, reads = "boundary", losses.BoundaryLoss, ("texts",)

    @override
    def rows(self, targets: Targets, noise: Noise, *, batch: int, views: int, word_power: float | None) -> Task:
        corpus = targets.corpus
        return corpus.task("texts", partial(SpacingTask, batch=batch, seed=corpus.recipe.seed), batch)
