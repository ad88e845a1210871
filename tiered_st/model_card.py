"""The card that sentence-transformers writes beside a saved model, in this library's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sentence_transformers.sentence_transformer.model_card import SentenceTransformerModelCardData

from tiered_st.fingerprint import model_revision


@dataclass
class TieredModelCardData(SentenceTransformerModelCardData):
    """Card data whose snippet loads the model by this package and whose template speaks of chunks.

    Attributes:
        hub_name: "owner/name" of the model on the hub that this one was loaded from; None of any other.
        hub_commit: the commit whose files were loaded.
    """

    template_path: Path = field(default=Path(__file__).parent / "model_card_template.md", init=False, repr=False)
    hub_name: str | None = field(default=None, init=False)
    hub_commit: str | None = field(default=None, init=False)
    _revision: str | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Tag the model; "custom_code" has the hub's own snippets say ``trust_remote_code=True``."""
        super().__post_init__()
        self.add_tags(["tiered-st", "custom_code"])

    @property  # type: ignore[misc]
    def base_model_revision(self) -> str | None:
        """Return what tells this model's results from another's, as mteb asks for: a hash of weights and settings.

        It is computed when asked for, since loading should not wait for it.
        """
        if self._revision is not None:
            return self._revision
        return model_revision(self.model) if self.model is not None else None

    @base_model_revision.setter
    def base_model_revision(self, revision: str | None) -> None:
        self._revision = revision

    def generate_usage_snippet(self) -> str:
        """Return the code block that shows how to use the model."""
        name = self.model_id or "path/to/this/folder"
        pinned = '; revision="…" pins a commit' if self.model_id else ""
        return f"""```python
import tiered_st

model = tiered_st.load("{name}")  # runs nothing that lies there{pinned}
embeddings = model.encode(["the weather is lovely today", "teh wether is lovley tday"])
print(model.similarity(embeddings, embeddings))
```

Wherever sentence-transformers loads models by name, with `tiered-st` installed:

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("{name}", trust_remote_code=True)
```"""

    def run_usage_snippet(self) -> None:
        """Run nothing: the snippet shows no output that would go stale."""

    def get_model_specific_metadata(self) -> dict[str, Any]:
        """Return what the template wants to know beyond the stock fields."""
        facts = super().get_model_specific_metadata()
        config = getattr(self.model[0], "settings", None) if self.model is not None else None
        facts["tiers"] = config.to_dict() if config is not None else {}
        if self.hub_name and self.hub_name != self.model_id:  # what it is pushed over is not what it started from
            facts |= {"base_model": self.hub_name, "base_commit": self.hub_commit}
        return facts
