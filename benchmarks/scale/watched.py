"""Run a command in a process of its own, and know all the processes that come of it, Ray's too, and their memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

MARK = "TIERED_ST_BENCHMARK"  # what a process of a command has in its environment, whoever its parent is by now
DRIVER, WORKER, RAY = "driver", "worker", "ray"
_ACTOR = "ray::"  # how Ray names a process that carries out something of ours


class Watched:
    """A command at work, whose processes can be found, weighed and killed; Linux alone.

    Args:
        arguments: What follows ``python -m``.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._mark = uuid.uuid4().hex
        self._error = tempfile.TemporaryFile()  # noqa: SIM115 (read at the end; a pipe would fill up)
        self.process = subprocess.Popen(
            [sys.executable, "-m", *arguments], stdout=subprocess.PIPE, stderr=self._error, text=True,
            env=os.environ | {MARK: self._mark, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def processes(self) -> dict[int, str]:
        """Return what each process of the command is, by its number: the driver, a worker, or one of Ray's own."""
        wanted, found = f"{MARK}={self._mark}".encode(), {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().decode(errors="replace")
            except OSError:  # it has ended, or is not ours
                continue
        return {number: self._role(number, line) for number, line in found.items()}

    def memory(self) -> dict[str, float]:
        """Return the resident memory of the driver, of the largest worker, and of Ray's own processes in all, in MB."""
        found: dict[str, list[float]] = {DRIVER: [0.0], WORKER: [0.0], RAY: [0.0]}
        for number, role in self.processes().items():
            found[role].append(resident(number))
        return {DRIVER: max(found[DRIVER]), WORKER: max(found[WORKER]), RAY: sum(found[RAY])}

    def kill(self, role: str | None = None) -> bool:
        """Send SIGKILL to the driver, to a worker, or (None) to all processes at once; tell whether there was one."""
        targets = [number for number, own in self.processes().items() if role in (None, own)]
        for number in targets[: None if role is None else 1]:
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return bool(targets)

    def wait(self) -> str:
        """Wait for the end; return what was printed.

        Raises:
            RuntimeError: If the command failed; the text ends as its errors do.
        """
        printed, _ = self.process.communicate()
        if self.process.returncode:
            self._error.seek(0)
            said = self._error.read().decode(errors="replace").strip()
            raise RuntimeError(f"it ended with status {self.process.returncode}: {said[-500:]}")
        return printed

    def reap(self, seconds: float = 30.0) -> None:
        """End what is left once the driver is dead: Ray's processes go by themselves, soon but not at once."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        deadline = time.monotonic() + seconds
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.2)
        self.kill()

    def _role(self, number: int, line: str) -> str:
        if number == self.process.pid:
            return DRIVER
        return WORKER if line.startswith(_ACTOR) and "Embed" in line else RAY


def resident(process: int) -> float:
    """Return the resident memory of a process in MB, 0 where there is none any more."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
