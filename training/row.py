"""A row of a stage: one objective, its share of the steps, the weight of its loss and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from tiered_st.noise import NoisePolicy
from training.objectives import OBJECTIVES, Objective


@dataclass(frozen=True)
class Ramp:
    """A weight that moves from ``start`` to ``end`` over the first part ``over`` of a stage, and then stays."""

    start: float
    end: float
    over: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.over <= 1:
            raise ValueError(f"Ramp(over={self.over}) is a share of the stage: give more than 0 and at most 1.")

    def at(self, progress: float) -> float:
        """Return the weight at ``progress``, from 0 at the stage's first step to 1 at its last."""
        return self.start + (self.end - self.start) * min(1.0, progress / self.over)


_OF_ROWS = ("stop", "chunks", "budget", "noise", "real", "switched")  # settings of a row that are not its loss's


class Row(NamedTuple):
    """One objective of a stage.

    Attributes:
        name: one of OBJECTIVES.
        share: its share of the steps.
        weight: of its loss; a Ramp makes it a schedule.
        settings: arguments of its loss by name, e.g. ``dict(masking="span")``. Beside them ``stop=True``, or simply
            True, stops its gradients at the projector: E2 and the loss's head learn from it, E1 and the projector not;
            ``chunks`` is the longest text in chunks, instead of the stage's; ``budget`` limits the chunks of a batch,
            padding included: a batch of long texts has fewer rows; ``noise`` is a NoisePolicy, and ``real`` the
            probability of real misspellings, instead of the stage's; ``switched`` is the share of texts some of whose
            words are said in the other language of ``parallel``.
    """

    name: str
    share: float
    weight: float | Ramp = 1.0
    settings: bool | dict[str, Any] = False

    def _own(self, name: str, default: Any = None) -> Any:
        """Return one of the row's own settings."""
        return self.settings.get(name, default) if isinstance(self.settings, dict) else default

    @property
    def chunks(self) -> int | None:
        """Return the longest text in chunks, None where the stage says it."""
        return self._own("chunks")

    @property
    def budget(self) -> int | None:
        """Return the most chunks of a batch, None for no limit."""
        return self._own("budget")

    @property
    def noise(self) -> NoisePolicy | None:
        """Return how its texts are corrupted, None where the stage says it."""
        return self._own("noise")

    @property
    def real(self) -> float | None:
        """Return the probability of real misspellings, None where the stage says it."""
        return self._own("real")

    @property
    def switched(self) -> float:
        """Return the share of texts that switch between languages."""
        return self._own("switched", 0.0)

    @property
    def stop(self) -> bool:
        """Say whether gradients stop at the projector."""
        return bool(self.settings.get("stop", False) if isinstance(self.settings, dict) else self.settings)

    def objective(self) -> Objective:
        """Return the objective with its arguments.

        Raises:
            ValueError: If it takes none of such a name.
        """
        settings = self.settings if isinstance(self.settings, dict) else {}
        return OBJECTIVES[self.name](**{name: value for name, value in settings.items() if name not in _OF_ROWS})
