"""Judge a stage while it runs, and remember its best checkpoint."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from typing_extensions import override

from training import ranks
from training.callbacks import JsonLog
from training.judging.jury import Jury
from training.log import judged, read_log

logger = logging.getLogger("training")


class Judging(TrainerCallback):
    """Judge a model so many times over a stage, at its last step too; rank 0 judges while the others wait.

    What was said stands in the log alone, which a resumed run cuts back to its checkpoint: each step that is to be
    judged has one line, also where the deadline passed just before it, for it is then judged when the run goes on.
    It must come before the callback that stops at the deadline.

    Attributes:
        best: main figure and step of the best judgement so far, on rank 0; of equal ones the earliest.

    Args:
        jury: asked.
        model: that learns.
        log: of the stage.
        times: how often the stage is judged.
        keep_best: whether the best checkpoint is saved when it is found, and kept from then on.
        chunks: what the model reads when it does not learn, for judges who name no length.
        deadline: of ``time.monotonic``, after which only the stage's last step is judged; None never.
    """

    def __init__(
        self,
        jury: Jury,
        model: SentenceTransformer,
        log: JsonLog,
        *,
        times: int,
        keep_best: bool,
        chunks: int | None = None,
        deadline: float | None = None,
    ) -> None:
        self._jury, self._model, self._log, self._times = jury, model, log, times
        self._keep_best, self._chunks, self._deadline = keep_best, chunks, deadline
        self._done: set[int] = set()
        self.best: tuple[float, int] | None = None

    def restore(self, checkpoints: Path) -> None:
        """Go on where the log stands, which was cut back to the checkpoint that the run goes on from.

        Args:
            checkpoints: folder of those that are left.
        """
        lines = judged(read_log(self._log.path), self._log.stage)
        self._done, self.best = {line["step"] for line in lines}, None
        for line in lines:
            self._note(line["main"], line["step"])
        lost = self.best
        if not self._keep_best or lost is None or (checkpoints / f"checkpoint-{lost[1]}").is_dir():
            return
        self.best = None  # somebody removed it, or it was not whole any more
        for line in lines:
            if (checkpoints / f"checkpoint-{line['step']}").is_dir():
                self._note(line["main"], line["step"])
        logger.warning(
            "stage %s: the checkpoint of step %d, the best so far, is gone from %s: the best of those left counts",
            self._log.stage, lost[1], checkpoints,
        )  # fmt: skip

    @override
    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._is_due(state):  # the checkpoint is of a step that there was no time to judge
            ranks.agree(lambda: state.global_step not in self._done and self._judge(state))

    @override
    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._keep_best and self.best is not None:  # the trainer removes old checkpoints, but never this one
            state.best_model_checkpoint = str(Path(args.output_dir or ".", f"checkpoint-{self.best[1]}"))

    @override
    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if not self._is_due(state):
            return
        last = state.global_step >= state.max_steps
        is_best = ranks.agree(lambda: (last or not self._is_late()) and self._judge(state))
        if is_best and self._keep_best and not last:
            control.should_save = True

    def best_before(self, step: int) -> int | None:
        """Return the step that was better than ``step``, the last one; every rank must ask."""
        best = ranks.agree(lambda: self.best)
        return best[1] if best is not None and best[1] != step else None

    def _is_due(self, state: TrainerState) -> bool:
        times = min(self._times, state.max_steps)
        return state.global_step in {math.ceil(turn * state.max_steps / times) for turn in range(1, times + 1)}

    def _is_late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _judge(self, state: TrainerState) -> bool:
        """Judge and log; return whether it is the best so far."""
        start = time.monotonic()
        epoch, step = state.epoch or 0.0, state.global_step
        figures, main = self._jury(self._model, chunks=self._chunks, epoch=epoch, step=step)
        said = ", ".join(f"{name} {value:.1f}" for name, value in figures.items())
        logger.info("stage %s, step %d: %s; in all %.2f", self._log.stage, step, said, main)
        took = round((time.monotonic() - start) / 60, 3)
        self._log.write(step, {"judged": figures, "main": main, "judging_minutes": took})
        self._done.add(step)
        return self._note(main, step)

    def _note(self, main: float, step: int) -> bool:
        if self.best is not None and main <= self.best[0]:
            return False
        self.best = main, step
        return True
