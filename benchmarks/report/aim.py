"""What an aim is, and what a table of them: data, which `benchmarks.report.model_aims` fills from stored results."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.report.speed_aims import SpeedAim, TimeAim

OWN = "its own clean score"


@dataclass(frozen=True)
class Aim:
    """A score that is to be so large, alone or less another score: a row of a table.

    Attributes:
        what: The row's name.
        suite: The suite that all its scores are of.
        metrics: Whose mean the score is.
        least: What each model of the table is to reach; None where nothing was asked.
        against: The model whose scores of the same texts are subtracted, `OWN`, or none.
        clean: The metric that is subtracted where ``against`` is `OWN`.
        form: What follows the models' names, such as " taught".
    """

    what: str
    suite: str
    metrics: tuple[str, ...]
    least: tuple[float | None, ...]
    against: str = ""
    clean: str = "clean"
    form: str = ""


@dataclass(frozen=True)
class AimTable:
    """Aims of several models.

    Attributes:
        title: Said above the table.
        models: The columns, in the order of every `Aim.least`.
        aims: The rows.
        peers: Models that nothing is asked of, whose scores stand beside.
        speed: Further rows, of speed against another model.
        times: Further rows, of milliseconds.
    """

    title: str
    models: tuple[str, ...]
    aims: tuple[Aim, ...]
    peers: tuple[str, ...] = ()
    speed: tuple[SpeedAim, ...] = ()
    times: tuple[TimeAim, ...] = ()

    def __post_init__(self) -> None:
        asked = {aim.what: len(aim.least) for aim in self.aims}
        asked |= {aim.what: len(aim.least) for aim in self.speed}
        asked |= {aim.what: len(aim.most) for aim in self.times}
        for what, count in asked.items():
            if count != len(self.models):
                raise ValueError(f"the aim {what!r} asks {count} models, the table has {len(self.models)}.")
