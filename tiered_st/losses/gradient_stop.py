"""Stop a loss's gradients at the projector."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from tiered_st.modules.tiers_of import tiers_of


class StopAtProjector(nn.Module):
    """Let a loss train E2 and its own head, but neither E1 nor the projector.

    The tiers run without gradients inside the wrapped loss and as ever elsewhere, so that other losses of the same
    stage may train them: ``StopAtProjector(SimCSELoss(model))`` beside ``CharMLMLoss(model)`` pays each tier for its
    own job. It takes any loss of ours on sentences and any stock one, the cached ones too.

    Raises:
        ValueError: if the loss trains the tiers alone, so that nothing would be left to learn.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        if getattr(loss, "tier", None) == "E1":
            raise ValueError(f"{type(loss).__name__} trains nothing behind the projector: use it without the stop.")
        self.loss = loss
        tiers_of(self.model)
        if getattr(loss, "uses_gradient_cache", False):
            # It embeds once more while gradients are computed, when our forward has long returned.
            self._stop_within(loss)

    @property
    def model(self) -> nn.Module:
        """Return the inner loss's model: the trainer puts its distributed wrapper only where it finds one."""
        return self.loss.get_submodule("model")

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Any:
        """Return what the loss returns."""
        with without_gradient(tiers_of(self.model)):
            return self.loss(sentence_features, labels)

    def _stop_within(self, loss: Any) -> None:
        embed = loss.embed_minibatch

        def embed_stopped(*args: Any, **kwargs: Any) -> Any:
            with without_gradient(tiers_of(self.model)):
                return embed(*args, **kwargs)

        loss.embed_minibatch = embed_stopped

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        inner: dict[str, Any] = getattr(self.loss, "get_config_dict", dict)()
        return {"loss": type(self.loss).__name__, **inner, "stop": "chunk_projector"}


@contextmanager
def without_gradient(module: nn.Module) -> Iterator[None]:
    """Run every forward pass of ``module`` without gradients while the context lasts."""
    enabled: list[bool] = []

    def enter(*_: Any) -> None:
        enabled.append(torch.is_grad_enabled())
        torch.set_grad_enabled(False)

    def leave(*_: Any) -> None:
        torch.set_grad_enabled(enabled.pop())

    hooks = [  # contexts may nest: the last to enter is the first to leave
        module.register_forward_pre_hook(enter),
        module.register_forward_hook(leave, prepend=True, always_call=True),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
