"""The card that sentence-transformers writes beside a saved model, in this library's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sentence_transformers.sentence_transformer.model_card import SentenceTransformerModelCardData


@dataclass
class TieredModelCardData(SentenceTransformerModelCardData):
    """Card data whose snippet loads the model by this package and whose template speaks of chunks."""

    template_path: Path = field(default=Path(__file__).parent / "model_card_template.md", init=False, repr=False)

    def generate_usage_snippet(self) -> str:
        """Return the code block that shows how to use the model."""
        name = self.model_id or "path/to/this/folder"
        return f"""```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("{name}", trust_remote_code=True)
# from a local folder, without running anything that lies in it: tiered_st.load("{name}")
embeddings = model.encode(["the weather is lovely today", "teh wether is lovley tday"])
print(model.similarity(embeddings, embeddings))
```"""

    def run_usage_snippet(self) -> None:
        """Run nothing: the snippet shows no output that would go stale."""

    def get_model_specific_metadata(self) -> dict[str, Any]:
        """Return what the template wants to know beyond the stock fields."""
        facts = super().get_model_specific_metadata()
        config = getattr(self.model[0], "settings", None) if self.model is not None else None
        return facts | {"tiers": config.to_dict() if config is not None else {}}
