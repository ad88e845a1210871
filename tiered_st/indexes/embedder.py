"""Embed what an index holds and what it is asked, and know which model it is."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from typing_extensions import Self

from tiered_st import __version__
from tiered_st.fingerprint import model_fingerprint
from tiered_st.indexes.encoder import (
    Encoder,
    dimension_of,
    mismatch,
    name_of,
    prompts_of,
    refuse_other,
    refuse_other_ways,
    unit_vectors,
)
from tiered_st.indexes.lesson import Lesson

logger = logging.getLogger(__name__)


class Embedder:
    """Give the vectors of documents by ``encode_document`` and those of queries by ``encode_query``.

    Where a model has no such methods, or puts nothing before either, both are by ``encode``. So are those of an index
    that an older version of this library built (format version 1): it put no prompts before its documents, and what is
    added or asked later has to match them.

    Args:
        model: A SentenceTransformer, or anything with its `encode`.
        lesson: What the model was taught for the index.

    Attributes:
        model: May be replaced by what encodes as it does.
    """

    def __init__(self, model: Encoder, lesson: Lesson | None = None) -> None:
        self.model, self.lesson = model, lesson
        self.dimension = dimension_of(model)
        self._without_prompts = False
        self._fingerprint = ""
        self._prompts: dict[str, str] = {}

    @classmethod
    def taught(cls, model: Encoder, texts: Iterable[str]) -> Self:
        """Return the embedder of a copy of a model that is taught the words of texts.

        Raises:
            ValueError: If it cannot be taught.
        """
        return cls(*Lesson.of_corpus(model, texts))

    @classmethod
    def of_index(cls, meta: dict[str, Any], model: Encoder, path: Any, *, check_model: bool) -> Self:
        """Return the embedder of a saved index.

        Args:
            meta: What `Embedder.meta` gave.
            model: The model that built the index.
            path: Where the index lies, for messages.
            check_model: Compare the model with the one that built the index.

        Raises:
            ModelMismatchError: If another model built the index.
        """
        lesson = Lesson(meta["model_fingerprint"], tuple(words)) if (words := meta.get("learned_words")) else None
        if lesson is None:
            refuse_other(model, meta, path, check_fingerprint=check_model)
        else:
            refuse_other_ways(model, meta, path, check_prompts=check_model)
            try:
                model = lesson.given_again(model, check_model=check_model)
            except ValueError as error:
                raise mismatch(meta, path, f"(taught {len(lesson.words):,} words of the texts): {error}") from None
        embedder = cls(model, lesson)
        embedder._fingerprint, embedder._prompts = meta["model_fingerprint"], meta.get("prompts", {})
        embedder._without_prompts = "prompts" not in meta
        if embedder._without_prompts and (prompts := prompts_of(model)):
            logger.warning(
                "%s: built by a tiered-st that put no prompts before documents and queries; this model's are %s. The "
                "index goes on without them, in what is added to it and asked too: build it again to have them.",
                path, ", ".join(f"{side} {prompt!r}" for side, prompt in prompts.items()),
            )  # fmt: skip
        return embedder

    def settle(self) -> None:
        """Take down which model this is, the first time: it may be trained further before its index is saved."""
        if not self._fingerprint:
            self._fingerprint, self._prompts = self._known_by(), prompts_of(self.model)

    def meta(self) -> dict[str, Any]:
        """Return what a saved index says of its model; ``prompts`` only where there are any."""
        prompts = self._prompts if self._fingerprint else prompts_of(self.model)
        return {
            "dimension": self.dimension, "metric": "cosine", "library_version": __version__,
            "model_fingerprint": self._fingerprint or self._known_by(), "model_name": name_of(self.model),
        } | ({"prompts": prompts} if prompts else {})  # fmt: skip

    def __call__(self, texts: Sequence[str], labels: Sequence[str], *, side: str, batch_size: int) -> np.ndarray:
        """Return the unit vectors of texts, (texts, dimension) float32.

        Args:
            texts: What to embed.
            labels: What messages call each.
            side: "document" or "query".
            batch_size: Texts per forward pass.

        Raises:
            ValueError: If a vector is zero, not finite, or of another dimension.
        """
        apart = not self._without_prompts and prompts_of(self.model)
        encode = getattr(self.model, f"encode_{side}", None) if apart else None
        return unit_vectors(encode or self.model.encode, texts, labels, dimension=self.dimension, batch_size=batch_size)

    def _known_by(self) -> str:
        return model_fingerprint(self.model) if self.lesson is None else self.lesson.fingerprint
