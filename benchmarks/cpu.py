"""What CPU this is, as far as it decides how fast a model runs."""

from __future__ import annotations

import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
SETS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp", "i8mm", "bf16")


def instruction_sets(listing: Path = CPUINFO) -> list[str]:
    """Return those of `SETS` that the first CPU of a Linux machine has; none where the machine does not tell."""
    if not listing.is_file():
        return []
    for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, flags = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return [each for each in SETS if each in flags.split()]
    return []


def cpu() -> dict[str, str | list[str]]:
    """Return the name of the CPU and its instruction sets for vectors and small numbers."""
    names = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines() if CPUINFO.is_file() else []
    models = [line.partition(":")[2].strip() for line in names if line.startswith("model name")]
    return {"name": next(iter(models), platform.processor() or platform.machine()), "sets": instruction_sets()}
