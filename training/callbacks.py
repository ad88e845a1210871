"""Checkpoints by the clock, a deadline, and a log for people and plots; rank 0's clock counts for all ranks."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import distributed, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from typing_extensions import override

from training import ranks
from training.checkpoints import facts_of, seal
from training.log import cut_back, minutes_of, read_log


class Clock(TrainerCallback):
    """Save every so many seconds, so that a kill loses no more than that, and stop at a deadline.

    Args:
        seconds: between checkpoints.
        deadline: when to save and stop, in seconds of ``time.monotonic``; None never.
    """

    def __init__(self, seconds: float, deadline: float | None = None) -> None:
        self.seconds = seconds
        self.deadline = deadline
        self.last = time.monotonic()

    @override
    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.global_step >= state.max_steps:
            return
        saves, stops = ranks.agree(self._due)
        if saves or stops:
            self.last = time.monotonic()
            control.should_save = True
        if stops:
            control.should_training_stop = True

    @override
    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if 0 < state.global_step < state.max_steps and not control.should_training_stop:
            control.should_save = True  # the batches ended early, for the deadline passed while a window was opened

    def _due(self) -> tuple[bool, bool]:
        now = time.monotonic()
        return now - self.last >= self.seconds, self.deadline is not None and now >= self.deadline


class JsonLog(TrainerCallback):
    """Append every log line to a file: one JSON object with stage, step, minutes, processes, losses and rates.

    Minutes are those of the steps that stand: a run that goes on from a checkpoint counts on from the checkpoint's.
    """

    def __init__(self, path: Path, stage: str) -> None:
        self.path = path
        self.stage = stage
        self.before = 0.0
        self.start = time.monotonic()

    @property
    def minutes(self) -> float:
        """Return the minutes that the stage has taken, those of earlier starts included."""
        return self.before + (time.monotonic() - self.start) / 60

    def restore(self, checkpoint: Path | None) -> None:
        """Go on from a checkpoint: its minutes count, and steps after it have not happened."""
        if not self.path.is_file():
            return
        cut_back(self.path, self.stage, int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0)
        if checkpoint is not None:
            logged = minutes_of(read_log(self.path), self.stage)  # all that a checkpoint of before seals can tell
            self.before = facts_of(checkpoint).get("minutes", logged[0] if logged else 0.0)

    @override
    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.start = time.monotonic()

    @override
    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero and logs:
            self.write(state.global_step, logs)

    def write(self, step: int, said: dict[str, Any]) -> None:
        """Append a line of what is said of a step; rank 0 alone may."""
        line = {"stage": self.stage, "step": step, "minutes": round(self.minutes, 2), "processes": ranks.count()}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line | said) + "\n")


class Seal(TrainerCallback):
    """Say of a checkpoint that it is whole, once every rank has written its part; the last of the callbacks."""

    def __init__(self, log: JsonLog) -> None:
        self.log = log

    @override
    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        ranks.wait()
        if state.is_world_process_zero:
            checkpoint = Path(args.output_dir or ".", f"checkpoint-{state.global_step}")
            seal(checkpoint, minutes=self.log.minutes, processes=ranks.count())


class Progress(TrainerCallback):
    """Tell losses whose weight follows a schedule how far the stage is."""

    def __init__(self, losses: dict[str, nn.Module]) -> None:
        self.losses: list[Any] = [loss for loss in losses.values() if hasattr(loss, "progress")]

    @override
    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        for loss in self.losses:
            loss.progress = state.global_step / max(1, state.max_steps - 1)


class OwnSeed(TrainerCallback):
    """Give every rank its own dropout and masks, which the trainer seeds alike; a checkpoint brings its own."""

    @override
    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if ranks.rank():
            torch.manual_seed(args.seed + ranks.rank())


class LossHeads(TrainerCallback):
    """Keep the parameters that losses own (prediction heads) with each checkpoint, and alike on all ranks.

    The trainer saves the model alone, and its distributed wrapper exchanges gradients of the model alone.
    """

    FILE = "loss_heads.safetensors"

    def __init__(self, losses: dict[str, nn.Module]) -> None:
        self.heads = {
            f"{objective}.{name}": parameter
            for objective, loss in losses.items()
            for name, parameter in loss.named_parameters()
            if "model" not in name.split(".")
        }

    @override
    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        for head in self.heads.values() if ranks.count() > 1 else ():
            distributed.broadcast(head.data, src=0)

    @override
    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if ranks.count() == 1 or not self.heads:
            return
        heads = list(self.heads.values())
        learning = torch.tensor([float(head.grad is not None) for head in heads], device=heads[0].device)
        ranks.average(learning)
        for head, share in zip(heads, learning.tolist(), strict=True):
            if share:  # a rank whose batch was another objective's has no gradient, and adds none
                head.grad = torch.zeros_like(head) if head.grad is None else head.grad
                ranks.average(head.grad)

    @override
    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if self.heads and state.is_world_process_zero:
            tensors = {name: head.detach().cpu().contiguous() for name, head in self.heads.items()}
            save_file(tensors, Path(args.output_dir or ".", f"checkpoint-{state.global_step}", self.FILE))

    def restore(self, checkpoint: Path | None) -> None:
        """Load the heads of a checkpoint, where there is one."""
        if self.heads and checkpoint is not None:
            stored = load_file(checkpoint / self.FILE)
            with torch.no_grad():
                for name, head in self.heads.items():
                    head.copy_(stored[name])
