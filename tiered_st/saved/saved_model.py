"""What the folder of a saved model holds, read without torch and without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tiered_st.config import TieredConfig
from tiered_st.fingerprint import of_config
from tiered_st.saved.model_folder import ModuleRow, module_rows, read_json
from tiered_st.saved.saved_weights import COMPUTED, read_weights

_OURS = ("TieredInput", "SemanticEncoder")  # have a TieredConfig and weights


class SavedModel:
    """Tell of a model in a folder what its fingerprint asks for, without loading it.

    ``model_fingerprint(SavedModel(folder))`` is that of the model which ``tiered_st.load(folder)`` gives. Of one in
    bfloat16, which numpy lacks, the text is another, and by ``fingerprint.difference`` it is the same model.

    Args:
        folder: what ``model.save`` wrote.
        name: what the model is called; by default as its folder.

    Raises:
        ValueError: if a file is missing or damaged, or the folder is of no tiered model.
    """

    def __init__(self, folder: str | Path, *, name: str | None = None) -> None:
        self.folder = Path(folder)
        self.name = name or self.folder.name
        self.rows = module_rows(self.folder)
        settings = read_json(self.folder / "config_sentence_transformers.json", dict, optional=True)
        prompts = {"query": None, "document": None} | (settings.get("prompts") or {})  # these two are always there
        self.prompts: dict[str, str] = {name: prompt or "" for name, prompt in prompts.items()}
        self.default_prompt_name: str | None = settings.get("default_prompt_name")
        self.truncate_dim: int | None = settings.get("truncate_dim")
        self.similarity_fn_name: str | None = settings.get("similarity_fn_name")

    def content_of(self, row: ModuleRow) -> dict[str, Any]:
        """Return what the ``config.json`` of a module holds; that of Normalize may be missing."""
        return read_json(self._config(row), dict, optional=row.kind == "Normalize")

    def config_of(self, row: ModuleRow) -> TieredConfig:
        """Return the configuration of one of our modules."""
        try:
            return TieredConfig.from_dict(self.content_of(row)["config"])
        except (ValueError, TypeError, KeyError) as error:
            raise self._foreign(row, error) from None

    @property
    def width(self) -> int:
        """Dimensions of a vector before it is truncated."""
        dimension = self.config_of(self.rows[0]).d_sem
        for row in self.rows:
            if row.kind == "Pooling":
                settings = self._settings(row)
                modes = settings["pooling_mode"]
                dimension = settings["embedding_dimension"] * (1 if isinstance(modes, str) else len(modes))
        return dimension

    def get_embedding_dimension(self) -> int:
        """Return how many dimensions the loaded model's vectors have."""
        return self.width if self.truncate_dim is None else min(self.width, self.truncate_dim)

    def module_settings(self) -> list[dict[str, Any]]:
        """Return each module's kind and those of its settings that move a vector: see :func:`settings_of_folder`."""
        return [{"kind": row.kind, **self._settings(row)} for row in self.rows]

    def named_weights(self) -> dict[str, NDArray[Any]]:
        """Return the weights by the names of the loaded model's state dict, as it computes with them."""
        weights: dict[str, NDArray[Any]] = {}
        for row in self.rows:
            if row.kind in _OURS:
                if (dtype := self.content_of(row).get("dtype", "float32")) not in COMPUTED:
                    raise self._foreign(row, ValueError(f"dtype={dtype!r} is not one of {', '.join(COMPUTED)}"))
                read = read_weights(self._config(row).with_name("model.safetensors"), dtype)
                weights |= {f"{row.name}.{name}": value for name, value in read.items()}
        return weights

    def _settings(self, row: ModuleRow) -> dict[str, Any]:
        content = self.content_of(row)
        if row.kind in _OURS:
            config = self.config_of(row)
            settings = of_config(config)
            if row.kind == "TieredInput":
                settings["encoder"] = content.get("encoder", "float")
                settings["max_seq_length"] = content.get("max_seq_length") or config.max_chunks
                optional = ("learned_words", "spelling", "spelling_context")
                settings |= {name: content[name] for name in optional if name in content}
            return settings
        try:
            settings = _pooling(**content) if row.kind == "Pooling" else _normalize(**content)
        except TypeError as error:
            raise self._foreign(row, error) from None
        return settings | {"max_seq_length": None}

    def _config(self, row: ModuleRow) -> Path:
        return self.folder / row.subfolder / "config.json"

    def _foreign(self, row: ModuleRow, error: Exception) -> ValueError:
        found = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        return ValueError(f"{self._config(row)} does not describe a {row.kind} ({found}): copy or download it again.")


def settings_of_folder(folder: str | Path) -> list[dict[str, Any]]:
    """Return each module's kind and those of its settings that move a vector, as a fingerprint counts them.

    They are what the loaded modules say of themselves: ours by ``vector_settings``; Pooling and Normalize of
    sentence-transformers by ``get_config_dict``, and by a ``max_seq_length`` that they do not have.

    Raises:
        ValueError: if a file is missing or damaged, or has a setting that its module does not know.
    """
    return SavedModel(folder).module_settings()


def _pooling(
    *, embedding_dimension: int, pooling_mode: str | list[str] = "mean", include_prompt: bool = True
) -> dict[str, Any]:
    if isinstance(pooling_mode, list) and len(pooling_mode) == 1:
        pooling_mode = pooling_mode[0]
    return {
        "embedding_dimension": embedding_dimension, "pooling_mode": pooling_mode, "include_prompt": include_prompt,
    }  # fmt: skip


def _normalize(
    *, module_input_name: str = "sentence_embedding", module_output_name: str | None = None
) -> dict[str, Any]:
    return {"module_input_name": module_input_name, "module_output_name": module_output_name or module_input_name}
