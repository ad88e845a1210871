"""Know which checkpoints are whole, and what a run that goes on from one must know."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

from tiered_st.files import replace_file

logger = logging.getLogger("training")

SEAL = "checkpoint.json"
NEEDED = ("modules.json", "optimizer.pt", "trainer_state.json")


def seal(checkpoint: Path, **facts: Any) -> None:
    """Write down the size of every file of a checkpoint, which says that it is whole, and ``facts`` of the run."""
    sizes = {
        path.relative_to(checkpoint).as_posix(): path.stat().st_size
        for path in sorted(checkpoint.rglob("*"))
        if path.is_file() and path.name != SEAL
    }
    with replace_file(checkpoint / SEAL) as beside:
        beside.write_text(json.dumps(facts | {"files": sizes}, indent=1), encoding="utf-8")


def facts_of(checkpoint: Path) -> dict[str, Any]:
    """Return what :func:`seal` wrote; nothing for a checkpoint of before there were seals."""
    path = checkpoint / SEAL
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def latest_checkpoint(folder: Path, *, needs: tuple[str, ...] = (), processes: int = 1) -> Path | None:
    """Return the newest whole checkpoint in ``folder``; those that are not are removed.

    Args:
        folder: Where the trainer saves them; one process at a time may look.
        needs: Files that one must have beside those of every checkpoint.
        processes: How many train together.

    Raises:
        ValueError: If it is of a run of another number of processes, whose order of data is another.
    """
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    whole = [path for path in found if _is_whole(path, (*NEEDED, *needs))]
    for path in found:
        if path not in whole:
            logger.warning("%s is not whole, as a kill or a full disk leaves it: it is removed", path)
            shutil.rmtree(path)
    if not whole:
        return None
    before = facts_of(whole[-1]).get("processes", 1)
    if before != processes:
        raise ValueError(
            f"{whole[-1]} is of a run of {before} process(es), and {processes} would see the data in another order: "
            f"go on with {before}, or remove {folder} to train this stage anew."
        )
    return whole[-1]


def _is_whole(checkpoint: Path, needs: tuple[str, ...]) -> bool:
    if not all((checkpoint / name).is_file() for name in needs):
        return False
    try:
        sizes = facts_of(checkpoint).get("files", {})
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))  # the trainer writes it last
    except ValueError:
        return False
    return all((path := checkpoint / name).is_file() and path.stat().st_size == size for name, size in sizes.items())
