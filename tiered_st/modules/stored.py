"""What both modules of ours share: a TieredConfig, and how they are saved and loaded."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from sentence_transformers.base.modules import Module
from torch import nn
from typing_extensions import Self

from tiered_st.config import TieredConfig
from tiered_st.fingerprint import of_config, weights_fingerprint
from tiered_st.modules.engine import Engine, EngineOptions
from tiered_st.modules.load_options import check_load_options, engine_options
from tiered_st.modules.weights import WEIGHTS_NAME, as_dtype, load_weights, pack, save_weights, survives

logger = logging.getLogger(__name__)


class StoredModule(Module):
    """A module described by a TieredConfig and kept as ``config.json`` and ``model.safetensors``.

    Args:
        config: the configuration, or its :meth:`TieredConfig.to_dict`.
        storage: how weights are saved as long as that does not move them, see modules.weights and :meth:`save`.
    """

    def __init__(self, config: TieredConfig | dict[str, Any], *, storage: str = "float32") -> None:
        super().__init__()
        self.settings = config if isinstance(config, TieredConfig) else TieredConfig.from_dict(config)
        self.storage = storage
        self._to_round = ""  # the fingerprint of the weights that set_storage was asked to round
        self._warned_of_storage = False
        self.engine: Engine | None = None  # what runs it instead of torch

    __repr__ = nn.Module.__repr__  # layers, rather than the whole configuration on one line

    def train(self, mode: bool = True) -> Self:
        """Switch between training and inference; ``encode`` does at every call, so what rests is left."""
        return super().train(mode) if mode or not _rests(self) else self

    @property
    def dtype(self) -> torch.dtype:
        """What the module computes in: the dtype of its first floating-point weight."""
        weights = (weight for weight in self.state_dict().values() if weight.is_floating_point())
        return next(weights, torch.empty(0)).dtype

    def get_config_dict(self) -> dict[str, Any]:
        """Return what ``config.json`` holds."""
        dtype = str(self.dtype).removeprefix("torch.")
        return {"config": self.settings.to_dict(), "storage": self.storage, "dtype": dtype}

    def vector_settings(self) -> dict[str, Any]:
        """Return the settings that move a vector, for the model's fingerprint."""
        return of_config(self.settings)

    def extra_repr(self) -> str:
        """Say what runs the module where torch does not."""
        return "" if self.engine is None else f"backend={self.engine.backend!r}"

    def run_by(self, options: EngineOptions | None) -> None:
        """Run by ONNX Runtime from now on, or, without options, by torch.

        Raises:
            ValueError: if there is a part that :mod:`tiered_st.runtime` does not run.
            ImportError: if onnxruntime is not installed.
        """
        self.engine = None
        if options is None:
            return
        precision = options.precision or ("int8" if self.storage == "int8" else "float32")
        engine = Engine(self, replace(options, precision=precision))
        with torch.no_grad():
            engine.ready()
        self.engine = engine

    def make_engine(self, weights: dict[str, NDArray[Any]], options: EngineOptions) -> Any:
        """Return what runs the module without torch."""
        raise NotImplementedError

    def get_embedding_dimension(self) -> int:
        """Return d_sem."""
        return self.settings.d_sem

    def set_storage(self, storage: str) -> None:
        """Choose how the weights are saved, rounding them as they are now if need be; see :meth:`check_storage`."""
        self.check_storage(storage)
        self.storage, self._warned_of_storage = storage, False
        self._to_round = weights_fingerprint(self)

    def check_storage(self, storage: str) -> None:
        """Raise a ValueError if there is no such storage, or it cannot hold a weight."""
        for name, value in self.state_dict().items():
            pack(name, value, storage)

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:
        """Write ``config.json`` and ``model.safetensors`` into ``output_path`` (always safetensors).

        What was trained is what is saved: weights that ``storage`` would move are saved as the module computes with
        them, with one warning, unless :meth:`set_storage` asked for just these weights to be rounded.
        """
        storage = self._lasting_storage()
        Path(output_path).mkdir(parents=True, exist_ok=True)
        content = json.dumps(self.get_config_dict() | {"storage": storage}, indent=4)
        Path(output_path, self.config_file_name).write_text(content, encoding="utf-8")
        save_weights(self, output_path, storage)

    def _lasting_storage(self) -> str:
        """Return ``storage``, or "float32" where that would move weights that nobody asked to round."""
        if survives(self, self.storage) or (self._to_round and self._to_round == weights_fingerprint(self)):
            return self.storage
        if not self._warned_of_storage:
            self._warned_of_storage = True
            logger.warning(
                "The weights of this model's %s changed since they were stored as %s: they are saved as computed, in "
                "%s, so that nothing of it is lost (said once). For a smaller file of rounded weights call "
                "tiered_st.set_storage(model, %r) after training.",
                type(self).__name__, self.storage, str(self.dtype).removeprefix("torch."), self.storage,
            )  # fmt: skip
        return "float32"

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", **kwargs: Any) -> Self:  # type: ignore[override]
        """Load from a folder or the hub, to compute in what was saved or in ``model_kwargs["dtype"]``.

        Raises:
            ValueError: if an option is not one of modules.load_options, the files are not those of a module, or
                ``backend`` cannot run it.
        """
        check_load_options(kwargs)
        hub = {k: kwargs[k] for k in ("token", "cache_folder", "revision", "local_files_only") if k in kwargs}
        settings = cls.load_config(model_name_or_path, subfolder=subfolder, **hub)
        saved = as_dtype(settings.pop("dtype", "float32"))
        asked = kwargs.get("model_kwargs") or {}
        asked = asked.get("dtype") or asked.get("torch_dtype") or "auto"
        # Weights are drawn to be overwritten: the caller's random numbers go on as if nothing had been loaded.
        with torch.random.fork_rng(devices=[]), torch.device("cpu"):
            module = cls(**settings)
        module.to(saved if asked == "auto" else as_dtype(asked))
        path = cls.load_file_path(model_name_or_path, WEIGHTS_NAME, subfolder=subfolder, **hub)
        load_weights(module, path or Path(model_name_or_path, subfolder, WEIGHTS_NAME))
        module.run_by(engine_options(kwargs))
        return module


def _rests(module: nn.Module) -> bool:
    """Say whether a module and all in it are in inference, in a tenth of the time that switching them takes."""
    waiting = [module]
    while waiting:
        part = waiting.pop()
        if part.training:
            return False
        waiting.extend(child for child in part._modules.values() if child is not None)
    return True
