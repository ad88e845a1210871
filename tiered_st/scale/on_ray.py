"""Carry out units by Ray Data: actors that load the model once, on the cores and GPUs of one machine or many.

Only descriptions of units go through Ray, and what their records say comes back: texts and vectors stay between a
worker and the files, so that memory does not grow with the rows.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tiered_st.records.rows import InputError
from tiered_st.scale.job import Job
from tiered_st.scale.units import Unit
from tiered_st.scale.worker import Worker

_STORE_BYTES = 100_000_000  # of a local cluster's object store, which holds next to nothing
_LEVEL = "RAY_BACKEND_LOG_LEVEL"
_BLOCKS = 1000  # of a dataset at the most: what Ray keeps account of

logger = logging.getLogger(__name__)


class EmbedActor:
    """Embed units in a process of Ray's; a unit's error is sent back, and not Ray's account of it."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._worker: Worker | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Embed the units of a batch, and return for each how many rows that gave, or its error."""
        rows, errors = [], []
        for text in batch["unit"]:
            unit = Unit.from_dict(json.loads(text))
            try:
                self._worker = self._worker or Worker(self._job)
                record = self._worker.run(unit)
            except (InputError, ValueError, ImportError, OSError) as error:
                rows.append(0)
                errors.append(pickle.dumps(error).hex())
            else:
                rows.append(sum(part["rows"] for part in record["parts"]))
                errors.append("")
        return {"rows": rows, "error": errors}


def run_on_ray(units: Sequence[Unit], job: Job, workers: int | tuple[int, int]) -> Iterator[int]:
    """Embed units, and yield the rows of each when it is finished.

    Ray Data starts an actor that died again, and has its unit carried out again, as often as that takes.

    Args:
        units: What to embed.
        job: What they are carried out by.
        workers: Actors, or the least and the most that Ray may start.

    Raises:
        InputError: Of the first unit that fails; the others' finished parts stay.
        ImportError: If Ray is not installed.
    """
    ray = _import_ray()
    most = workers if isinstance(workers, int) else workers[1]
    with _cluster(ray, most), _quiet(ray):
        gpus = job.backend == "torch" and ray.cluster_resources().get("GPU", 0) > 0
        cores = job.threads or 1
        least = workers if isinstance(workers, int) else workers[0]
        if (seen := ray.cluster_resources().get("CPU", 0)) < least * cores:
            logger.warning("%d workers of %d threads wait for more than the %d CPUs that Ray sees", least, cores, seen)
        items = [{"unit": json.dumps(unit.to_dict())} for unit in units]
        rows = ray.data.from_items(items, override_num_blocks=min(len(items), _BLOCKS)).map_batches(
            EmbedActor,
            fn_constructor_args=(job,),
            batch_size=1,
            concurrency=_at_most(workers, len(items)),
            num_cpus=cores,
            num_gpus=1 if gpus else None,
        )
        for row in rows.iter_rows():
            if row["error"]:
                raise pickle.loads(bytes.fromhex(row["error"]))
            yield int(row["rows"])


def _at_most(workers: int | tuple[int, int], units: int) -> int | tuple[int, int]:
    """Return no more workers than there are units."""
    if isinstance(workers, int):
        return min(workers, units)
    return min(workers[0], units), min(workers[1], units)


def _import_ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError:
        raise ImportError("more than one worker needs Ray: pip install 'tiered-st[ray]'") from None
    return ray


@contextmanager
def _cluster(ray: Any, workers: int) -> Iterator[None]:
    """Use the cluster that there is, or start one on this machine and shut it down afterwards."""
    if ray.is_initialized():
        yield
        return
    local = {
        "address": "local", "num_cpus": max(workers, os.cpu_count() or 1), "include_dashboard": False,
        "object_store_memory": _STORE_BYTES,
    }  # fmt: skip
    with _quiet_backend():
        ray.init(
            log_to_driver=False, logging_level=logging.ERROR, **({} if os.environ.get("RAY_ADDRESS") else local)
        )  # fmt: skip
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _quiet_backend() -> Iterator[None]:
    """Keep Ray's C++ from warning on stderr of what Ray Data does at each start of an actor."""
    if _LEVEL in os.environ:
        yield
        return
    os.environ[_LEVEL] = "fatal"
    try:
        yield
    finally:
        del os.environ[_LEVEL]


@contextmanager
def _quiet(ray: Any) -> Iterator[None]:
    """Keep Ray Data from telling of each step: what there is to tell, the run tells."""
    context = ray.data.DataContext.get_current()
    names = [name for name in ("enable_progress_bars", "enable_operator_progress_bars") if hasattr(context, name)]
    before = {name: getattr(context, name) for name in names}
    log = logging.getLogger("ray.data")
    level = log.level
    log.setLevel(logging.ERROR)
    for name in names:
        setattr(context, name, False)
    try:
        yield
    finally:
        log.setLevel(level)
        for name, value in before.items():
            setattr(context, name, value)
