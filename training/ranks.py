"""Be one of the processes that train together, as `accelerate launch` and `torchrun` start them.

Rank 0 alone writes, renames and deletes (tiered_st.files.on_one_rank); the others wait and then read. What is decided by
a clock or by what a disk holds, rank 0 decides for all.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import distributed

T = TypeVar("T")
LAUNCHER = "accelerate launch --num_processes {count} -m training.run …"
_control: dict[str, Any] = {}  # the group of processes that small decisions go through, on the CPU of each


def join(device: str | None, minutes: float) -> str | None:
    """Meet the other processes of the launcher, where there is one, and return the device of this one.

    Args:
        device: What --device says; None takes the best there is.
        minutes: How long a process waits for the others before it gives up.

    Raises:
        ValueError: If several GPUs would be used without a launcher, or one GPU by several processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        _refuse_data_parallel(device)
        return device
    on_cpu = device == "cpu" or not torch.cuda.is_available() or os.environ.get("ACCELERATE_USE_CPU") == "true"
    if not on_cpu and device not in (None, "cuda"):
        raise ValueError(f"--device {device} would give one device to all processes: leave it out, each takes its own.")
    distributed.init_process_group("gloo" if on_cpu else "nccl", timeout=timedelta(minutes=minutes))
    _control["group"] = distributed.new_group(backend="gloo", timeout=timedelta(minutes=minutes))
    if on_cpu:
        return "cpu"
    own = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    torch.cuda.set_device(own)
    return str(own)


def leave() -> None:
    """Part from the other processes."""
    if distributed.is_initialized():
        _control.clear()
        distributed.destroy_process_group()


def rank() -> int:
    """Return this process's number, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def count() -> int:
    """Return how many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def agree(decide: Callable[[], T]) -> T:
    """Return what rank 0 decides; every rank must call it.

    Raises:
        Exception: What ``decide`` raised, on every rank.
    """
    if count() == 1:
        return decide()
    said: list[Any] = [None]
    if rank() == 0:
        try:
            said[0] = decide()
        except Exception as error:
            said[0] = error
    distributed.broadcast_object_list(said, src=0, group=_control["group"])
    if isinstance(said[0], Exception):
        raise said[0]
    return said[0]


def wait() -> None:
    """Wait until every rank is here."""
    if count() > 1:
        distributed.barrier(group=_control["group"])


def check_same(**values: str) -> None:
    """Check that all ranks have the same values, e.g. digests of what they read.

    Raises:
        ValueError: On every rank, if one has another; says which values.
    """
    if count() == 1:
        return
    all_values: list[Any] = [None] * count()
    distributed.all_gather_object(all_values, values, group=_control["group"])
    for name in values:
        if len({theirs[name] for theirs in all_values}) > 1:
            raise ValueError(f"The processes do not have the same {name}: give all of them the same files and code.")


def average(tensor: torch.Tensor) -> None:
    """Put the mean over the ranks into a tensor."""
    if count() > 1:
        distributed.all_reduce(tensor)
        tensor /= count()


def lost_another(error: BaseException) -> bool:
    """Say whether an error means that another process has died, or hangs."""
    if count() == 1:
        return False
    signs = ("gloo", "nccl", "connection closed", "connection reset", "timed out", "rank 0 failed")
    return isinstance(error, distributed.DistError) or any(sign in str(error).lower() for sign in signs)


def _refuse_data_parallel(device: str | None) -> None:
    """Refuse what the trainer would make of several visible GPUs: nn.DataParallel, whatever device was named."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if gpus < 2 or not (device is None or device.startswith("cuda")):
        return
    one = (device or "cuda:0").partition(":")[2] or "0"
    raise ValueError(
        f"{gpus} GPUs are visible, but one process was started. For all of them: "
        f"{LAUNCHER.format(count=gpus)} For one: CUDA_VISIBLE_DEVICES={one} python -m training.run …"
    )
