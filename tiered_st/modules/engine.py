"""Run a module in ONNX Runtime instead of torch, from the weights that torch holds."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from numpy.typing import NDArray
from torch import nn

from tiered_st.modules.tracing import is_traced
from tiered_st.modules.weight_watch import WeightWatch


@dataclass(frozen=True)
class EngineOptions:
    """How ONNX Runtime runs a model.

    Attributes:
        precision: what E2 computes in, "int8" or "float32"; None for "int8" where a model is stored so.
        threads: that one call may take; None for one per core.
        providers: execution providers of E2; None for the CPU.
    """

    precision: str | None = None
    threads: int | None = None
    providers: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.precision not in (None, "int8", "float32"):
            raise ValueError(f"precision={self.precision!r} is not one of int8, float32.")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads={self.threads} must be at least 1, or None for one per core.")


class Runnable(Protocol):
    """What an engine's module has for it: StoredModule."""

    training: bool

    def make_engine(self, weights: dict[str, NDArray[Any]], options: EngineOptions) -> Any:
        """Return what runs the module without torch."""
        ...


class Engine:
    """What :mod:`tiered_st.runtime` makes of a module, made when first asked for and whenever its weights changed.

    It is no module and has no part in what is saved. A copy, in another process say, makes one of its own. Any number
    of threads may run it at once.

    Args:
        owner: the module, whose ``make_engine`` makes it of the weights in float32 by name.
        options: how ONNX Runtime runs it.
    """

    backend = "onnx"

    def __init__(self, owner: Runnable, options: EngineOptions) -> None:
        self.owner = owner
        self.options = options
        self._start()

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._watch = WeightWatch(cast(nn.Module, self.owner))  # which a Protocol cannot say
        self._made: Any = None
        self.dtype = torch.float32

    def ready(self) -> Any:
        """Return what runs the module as it is now.

        Raises:
            ValueError: if the module is to learn, or to become one graph of torch.
        """
        if self.owner.training and torch.is_grad_enabled():
            raise ValueError(
                f"This model runs in ONNX Runtime (backend={self.backend!r}), where nothing can learn: load it without "
                "backend to train."
            )
        if is_traced():
            raise ValueError(
                f"This model runs in ONNX Runtime (backend={self.backend!r}), which torch cannot compile or export: "
                "load it without backend."
            )
        with self._lock:
            if self._watch.changed() or self._made is None:
                state = cast(nn.Module, self.owner).state_dict()
                floats = [value for value in state.values() if value.is_floating_point()]
                self.dtype = floats[0].dtype if floats else torch.float32
                self._made = self.owner.make_engine(
                    {name: _as_numpy(value) for name, value in state.items()}, self.options
                )
            return self._made

    def forget(self) -> None:
        """Make it anew when it is asked for next."""
        with self._lock:
            self._made = None

    def __getstate__(self) -> dict[str, Any]:
        return {"owner": self.owner, "options": self.options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.owner, self.options = state["owner"], state["options"]
        self._start()


def _as_numpy(value: torch.Tensor) -> NDArray[Any]:
    """Return a weight in numpy, in float32 if it is of any floating point."""
    value = value.detach().cpu()
    return (value.float() if value.is_floating_point() else value).numpy()
