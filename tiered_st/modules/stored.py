"""What both modules of ours share: a TieredConfig, and how they are saved and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from sentence_transformers.base.modules import Module
from torch import nn
from typing_extensions import Self

from tiered_st.config import TieredConfig
from tiered_st.modules.weights import WEIGHTS_NAME, as_dtype, load_weights, save_weights


class StoredModule(Module):
    """A module described by a TieredConfig and kept as ``config.json`` and ``model.safetensors``.

    Args:
        config: the configuration, or its :meth:`TieredConfig.to_dict`.
        storage: how weights are saved, see modules.weights.
    """

    def __init__(self, config: TieredConfig | dict[str, Any], *, storage: str = "float32") -> None:
        super().__init__()
        self.settings = config if isinstance(config, TieredConfig) else TieredConfig.from_dict(config)
        self.storage = storage

    __repr__ = nn.Module.__repr__  # layers, rather than the whole configuration on one line

    @property
    def dtype(self) -> torch.dtype:
        """What the module computes in: the dtype of its first floating-point weight."""
        weights = (weight for weight in self.state_dict().values() if weight.is_floating_point())
        return next(weights, torch.empty(0)).dtype

    def get_config_dict(self) -> dict[str, Any]:
        """Return what ``config.json`` holds."""
        dtype = str(self.dtype).removeprefix("torch.")
        return {"config": self.settings.to_dict(), "storage": self.storage, "dtype": dtype}

    def get_embedding_dimension(self) -> int:
        """Return d_sem."""
        return self.settings.d_sem

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:
        """Write ``config.json`` and ``model.safetensors`` into ``output_path`` (always safetensors)."""
        Path(output_path).mkdir(parents=True, exist_ok=True)
        self.save_config(output_path)
        save_weights(self, output_path, self.storage)

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", **kwargs: Any) -> Self:  # type: ignore[override]
        """Load from a folder or the hub, to compute in what was saved or in ``model_kwargs["dtype"]``."""
        hub = {k: kwargs[k] for k in ("token", "cache_folder", "revision", "local_files_only") if k in kwargs}
        settings = cls.load_config(model_name_or_path, subfolder=subfolder, **hub)
        saved = as_dtype(settings.pop("dtype", "float32"))
        asked = kwargs.get("model_kwargs") or {}
        asked = asked.get("dtype") or asked.get("torch_dtype") or "auto"
        module = cls(**settings).to(saved if asked == "auto" else as_dtype(asked))
        path = cls.load_file_path(model_name_or_path, WEIGHTS_NAME, subfolder=subfolder, **hub)
        load_weights(module, path or Path(model_name_or_path, subfolder, WEIGHTS_NAME))
        return module
