"""Make the rows and the losses of a stage's objectives."""

from __future__ import annotations

from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from tiered_st.losses import StopAtProjector
from training.recipe import Stage
from training.row import Ramp, Row
from training.targets import Targets
from training.tasks import Noise, PairTask, Task, TextTask


class Weighted(nn.Module):
    """Multiply a loss by a weight, fixed or following a schedule over the stage.

    Attributes:
        progress: how far the stage is, from 0 to 1; callbacks.Progress moves it.
    """

    def __init__(self, loss: nn.Module, weight: float | Ramp) -> None:
        super().__init__()
        self.loss = loss
        self.weight = weight if isinstance(weight, Ramp) else Ramp(weight, weight)
        self.progress = 0.0

    @property
    def model(self) -> nn.Module:
        """Return the inner loss's model: the trainer puts its distributed wrapper only where it finds one."""
        return self.loss.get_submodule("model")

    def forward(self, *args: object, **kwargs: object) -> Tensor:
        """Return the weighted loss."""
        return self.weight.at(self.progress) * self.loss(*args, **kwargs)


def make_task(targets: Targets, stage: Stage, row: Row) -> Task:
    """Make the rows that an objective of a stage learns from."""
    corpus = targets.corpus
    noise = Noise(
        row.noise or stage.noise, corpus.misspellings, stage.real if row.real is None else row.real,
        f"{corpus.recipe.seed}:{stage.name}:{row.name}",
        corpus.translations if row.switched else None, row.switched,
    )  # fmt: skip
    task = row.objective().rows(targets, noise, batch=stage.batch, views=stage.views, word_power=stage.word_power)
    if row.budget is not None:
        assert isinstance(task, PairTask | TextTask), "checked by Stage and Recipe"
        task.within(row.chunks or stage.chunks, row.budget)
    return task


def make_losses(targets: Targets, model: SentenceTransformer, stage: Stage) -> dict[str, nn.Module]:
    """Make the losses of a stage by the names of their objectives."""
    made: dict[str, nn.Module] = {}
    for row in stage.objectives:
        loss = row.objective().loss(model, targets)
        loss = StopAtProjector(loss) if row.stop else loss
        made[row.name] = loss if row.weight == 1.0 else Weighted(loss, row.weight)
    return made
