"""A model of ours that is taught the words of what it is to find, before it embeds that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tiered_st.fingerprint import model_revision
from tiered_st.learned_words import forget_words, learn_words


class Taught:
    """Embed as the model does, and know the words that it was last taught.

    Args:
        model: A model of this library.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.revision = model_revision(model)  # before it is taught: results are told apart by the form in their names
        self.parameter_count = sum(weight.numel() for weight in model.parameters())
        self._known: list[str] = []

    @property
    def device(self) -> Any:
        """Where the model computes."""
        return self.model.device

    def learn(self, texts: Sequence[str]) -> None:
        """Know the words of these texts, and of no others beside its own."""
        if self._known != list(texts):
            forget_words(self.model)
            learn_words(self.model, texts)
            self._known = list(texts)

    def encode(self, texts: Sequence[str], **options: Any) -> Any:
        """Return (texts, dimension); `options` go to the model's own `encode`."""
        return self.model.encode(texts, **options)
