"""What a model is called where there is no model card: by an index that it built, and in results of mteb."""

from __future__ import annotations

from typing import Any

from tiered_st.fingerprint import model_revision


class RuntimeCard:
    """Hold of ``SentenceTransformer.model_card_data`` what is read of a model in use.

    Attributes:
        model_name: as it was loaded: a shipped name, the folder's, or "owner/name" on the hub.
    """

    base_model = None

    def __init__(self, model: Any, model_name: str) -> None:
        self.model_name = model_name
        self._model = model

    @property
    def base_model_revision(self) -> str:
        """Return what tells this model's results from another's, torch's of the same weights too; hashed when asked."""
        revision = model_revision(self._model)
        return revision if self._model.precision == "float32" else f"{revision}-{self._model.precision}"
