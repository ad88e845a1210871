"""Memory of the driver and the workers over rows: ``python -m benchmarks.scale.memory --data DIR``.

One run embeds all rows by Ray, and its processes are weighed as parts appear. What is stored is their resident memory,
shared pages counted in each. What grows with the rows shows whatever the model is: ``--model toy`` is an untrained one
of 384 dimensions that reads several times as many rows a second.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.scale.one_run import ROWS, by_ray
from benchmarks.scale.stored import SCALE, write_scale
from benchmarks.scale.texts import sentences, write_texts
from benchmarks.scale.watched import DRIVER, WORKER, Watched

TOY = "toy"
FIRST = 100_000  # rows from which on memory is to stay as it is


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, store and print; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale.memory", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the kit's folder")
    parser.add_argument("--rows", type=float, default=1e6, help="default: 1e6")
    parser.add_argument("--workers", type=int, default=2, help="of Ray (default: 2)")
    parser.add_argument("--model", default="en-nano", help=f"or {TOY!r} (default: en-nano)")
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="between two looks (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="of the texts (default: 0)")
    parser.add_argument("--out", type=Path, default=SCALE, metavar="DIR", help="default: benchmarks/results/scale")
    args = parser.parse_args(argv)
    try:
        with TemporaryDirectory() as folder:
            samples = watch(
                Path(folder), args.data, int(args.rows), args.workers, args.model, every=args.every, seed=args.seed
            )
    except (ValueError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    head = {"rows": int(args.rows), "workers": args.workers, "model": args.model}
    write_scale(args.out, "memory", head | {"samples": samples}, seed=args.seed)
    for role in (DRIVER, WORKER):
        most = max(sample[role] for sample in samples)
        print(f"{role}: {most:.0f} MB at the most, {growth(samples, role):+.0f} MB since {FIRST:,} rows")
    return 0


def watch(
    folder: Path, data: Path, rows: int, workers: int, model: str, *, every: float, seed: int
) -> list[dict[str, float]]:
    """Return what each look at a run found: seconds, rows in finished parts, MB of the driver, a worker, Ray."""
    source, target, samples = folder / "texts", folder / "target", []
    write_texts(source, sentences(data), rows, seed)
    start = time.monotonic()
    run = Watched(["benchmarks.scale.one_run", by_ray(workers), str(source), str(target), known_model(model, folder)])
    try:
        while run.process.poll() is None:
            done = min(rows, ROWS * len(list(target.glob("parts/part-*.parquet"))))
            samples.append({"seconds": time.monotonic() - start, "rows": done, **run.memory()})
            time.sleep(every)
        run.wait()
    finally:
        run.reap()
    return thinned(samples)


def known_model(name: str, folder: Path) -> str:
    """Return what a model is loaded by; the toy is built in ``folder``."""
    if name != TOY:
        return name
    import torch

    from tiered_st.config import PRESETS
    from tiered_st.model import build

    torch.manual_seed(0)
    path = folder / TOY
    build(replace(PRESETS["toy"], d_sem=384, sem_layers=1, sem_heads=6), device="cpu").save(str(path))
    return str(path)


def thinned(samples: Sequence[dict[str, float]], most: int = 400) -> list[dict[str, float]]:
    """Return at most about so many looks, spread evenly, the last one among them; figures rounded."""
    step = max(1, len(samples) // most)
    kept = list(samples[::step]) + ([samples[-1]] if samples and (len(samples) - 1) % step else [])
    return [{key: round(value, 1) for key, value in sample.items()} for sample in kept]


def growth(samples: Sequence[Mapping[str, Any]], role: str, first: int = FIRST) -> float:
    """Return by how many MB the largest memory after ``first`` rows exceeds that at these rows; NaN where unknown.

    Looks after which no worker is left, at a run's end, do not count.
    """
    late = [sample[role] for sample in samples if sample["rows"] >= first and sample[WORKER]]
    return max(late) - late[0] if late else float("nan")


if __name__ == "__main__":
    sys.exit(main())
