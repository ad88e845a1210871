"""Checkpoints by the clock, a deadline, and a log for people and plots."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class TimedCheckpoints(TrainerCallback):
    """Save every so many seconds, so that a kill loses no more than that."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.last = time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if time.monotonic() - self.last >= self.seconds and state.global_step < state.max_steps:
            self.last = time.monotonic()
            control.should_save = True


class Deadline(TrainerCallback):
    """Save and stop at a point in time (``time.monotonic`` seconds)."""

    def __init__(self, at: float) -> None:
        self.at = at

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if time.monotonic() >= self.at and state.global_step < state.max_steps:
            control.should_save = control.should_training_stop = True


class JsonLog(TrainerCallback):
    """Append every log line to a file: one JSON object with stage, step, minutes, losses and rates."""

    def __init__(self, path: Path, stage: str) -> None:
        self.path = path
        self.stage = stage
        self.start = time.monotonic()

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **kwargs: Any
    ) -> None:
        if not state.is_world_process_zero or not logs:
            return
        minutes = round((time.monotonic() - self.start) / 60, 2)
        line = {"stage": self.stage, "step": state.global_step, "minutes": minutes}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line | logs) + "\n")


class Progress(TrainerCallback):
    """Tell losses whose weight follows a schedule how far the stage is."""

    def __init__(self, losses: dict[str, nn.Module]) -> None:
        self.losses: list[Any] = [loss for loss in losses.values() if hasattr(loss, "progress")]

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        for loss in self.losses:
            loss.progress = state.global_step / max(1, state.max_steps - 1)


class LossHeads(TrainerCallback):
    """Keep the parameters that losses own (prediction heads) with each checkpoint: the trainer saves only the model."""

    FILE = "loss_heads.safetensors"

    def __init__(self, losses: dict[str, nn.Module]) -> None:
        self.heads = {
            f"{objective}.{name}": parameter
            for objective, loss in losses.items()
            for name, parameter in loss.named_parameters()
            if "model" not in name.split(".")
        }

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if self.heads and state.is_world_process_zero:
            tensors = {name: head.detach().cpu().contiguous() for name, head in self.heads.items()}
            save_file(tensors, Path(args.output_dir or ".", f"checkpoint-{state.global_step}", self.FILE))

    def restore(self, checkpoint: str | None) -> None:
        """Load the heads of a checkpoint, where there is one."""
        if self.heads and checkpoint is not None:
            stored = load_file(Path(checkpoint, self.FILE))
            with torch.no_grad():
                for name, head in self.heads.items():
                    head.copy_(stored[name])
