"""What every objective of a stage has: a name, rows to learn from, and a loss with its arguments."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from sentence_transformers import SentenceTransformer
from torch import nn

from training.targets import Targets
from training.tasks import Noise, Task


class Objective:
    """Make the rows and the loss of an objective.

    Attributes:
        name: what a recipe calls it.
        title: what a model's card calls it, by default its name.
        reads: the fields of a recipe that its rows are made of.
        makes: its loss; that of E1 and projector alone has ``tier = "E1"``.
        defaults: arguments of the loss where the recipe gives none.
        budgets: whether a row of a stage may give it a budget, of which a batch of long texts has fewer rows.
        streams: whether its rows can be made of a window at a time; not where all classes must be known before.

    Args:
        **arguments: of the loss, by name.

    Raises:
        ValueError: If the loss takes no argument of such a name, or the objective gives it by itself.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    reads: ClassVar[tuple[str, ...]]
    makes: ClassVar[type[nn.Module]]
    defaults: ClassVar[dict[str, Any]] = {}
    budgets: ClassVar[bool] = False
    streams: ClassVar[bool] = True
    given: ClassVar[tuple[str, ...]] = ()  # arguments of the loss that `data` returns

    def __init_subclass__(cls) -> None:
        if "name" in vars(cls) and "title" not in vars(cls):
            cls.title = cls.name.replace("_", " ")

    def __init__(self, **arguments: Any) -> None:
        taken = [name for name in inspect.signature(self.makes).parameters if name not in ("model", *self.given)]
        if unknown := [name for name in arguments if name not in taken]:
            raise ValueError(f"{self.name} takes no {', '.join(unknown)}, but {', '.join(taken) or 'no argument'}.")
        self.arguments = self.defaults | arguments

    @classmethod
    def tier(cls) -> str:
        """Return "E1" for what trains E1 and projector alone, "E2" for the rest."""
        return getattr(cls.makes, "tier", "E2")

    def rows(self, targets: Targets, noise: Noise, *, batch: int, views: int, word_power: float | None) -> Task:
        """Return the rows to learn from; see training.recipe.Stage for what they follow."""
        raise NotImplementedError

    def data(self, targets: Targets) -> dict[str, Any]:
        """Return the arguments of the loss that are data, those of ``given``."""
        return {}

    def loss(self, model: SentenceTransformer, targets: Targets) -> nn.Module:
        """Return the loss."""
        return self.makes(model, **self.data(targets), **self.arguments)
