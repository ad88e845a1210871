"""Kill a run again and again, and compare what came of it: ``python -m benchmarks.scale.kills --data DIR --kills 30``.

SIGKILL is sent at random moments to a worker, to the driver, or to all processes at once, as when a machine goes down;
drawn from the seed. A run whose driver is dead is started again by the same command until it ends, every other time at
once, while workers that lost their driver are still at work. Where a run ends before all kills are spent, the next
begins in an empty folder. Each folder is then compared with that of an undisturbed run: rows lost, rows doubled, and
vectors that are not equal bit for bit.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.scale.memory import known_model
from benchmarks.scale.one_run import by_ray
from benchmarks.scale.stored import SCALE, write_scale
from benchmarks.scale.texts import sentences, write_texts
from benchmarks.scale.watched import DRIVER, WORKER, Watched
from tiered_st.scale import Embeddings

ROLES: tuple[str | None, ...] = (WORKER, DRIVER, None)
NAMES = {WORKER: "worker", DRIVER: "driver", None: "machine"}


def main(argv: Sequence[str] | None = None) -> int:
    """Kill, compare, store and print; return the exit status: 1 where a row was lost, doubled or differs."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale.kills", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the kit's folder")
    parser.add_argument("--kills", type=int, default=30, help="default: 30")
    parser.add_argument("--rows", type=float, default=2e5, help="of a run (default: 200,000)")
    parser.add_argument("--workers", type=int, default=2, help="of Ray (default: 2)")
    parser.add_argument("--model", default="en-nano", help="or 'toy' (default: en-nano)")
    parser.add_argument("--seed", type=int, default=0, help="of texts and moments (default: 0)")
    parser.add_argument("--out", type=Path, default=SCALE, metavar="DIR", help="default: benchmarks/results/scale")
    args = parser.parse_args(argv)
    try:
        with TemporaryDirectory() as folder:
            content = disturb(Path(folder), args)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    write_scale(args.out, "kills", content, seed=args.seed)
    print(", ".join(f"{key} {value}" for key, value in content.items() if not isinstance(value, list)))
    return int(any(content[key] for key in ("lost", "doubled", "differing")))


def disturb(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Carry out the undisturbed run and the disturbed ones; return what was killed when, and the comparison."""
    draw, source = random.Random(args.seed), folder / "texts"
    write_texts(source, sentences(args.data), int(args.rows), args.seed)
    command = ["benchmarks.scale.one_run", by_ray(args.workers), str(source)]
    model = known_model(args.model, folder)
    begin = time.monotonic()
    Watched([*command, str(folder / "undisturbed"), model]).wait()
    length = time.monotonic() - begin
    print(f"undisturbed: {length:.0f} s", file=sys.stderr)
    kills: list[dict[str, Any]] = []
    compared: Counter[str] = Counter()
    runs = 0
    while len(kills) < args.kills:
        target = folder / f"disturbed-{runs}"
        for kill in _kills(draw, [*command, str(target), model], length, args.kills - len(kills)):
            kills.append(kill)
            print(f"kill {len(kills)}: {kill}", file=sys.stderr)
        compared.update(compare(Embeddings(folder / "undisturbed"), Embeddings(target)))
        runs += 1
    head = {"rows": int(args.rows), "workers": args.workers, "model": args.model, "runs": runs}
    return {**head, **compared, "killed": len(kills), "undisturbed_seconds": length, "kills": kills}


def _kills(draw: random.Random, command: list[str], length: float, most: int) -> Iterator[dict[str, Any]]:
    """Yield each kill of a run, which goes on until it ends; at most so many are sent."""
    begun: list[Watched] = []
    sent = 0
    try:
        while True:
            start = time.monotonic()
            begun.append(run := Watched(command))
            dead = False
            while not dead:
                role = ROLES[draw.randrange(len(ROLES))]
                at_work = role == WORKER or draw.random() < 0.5  # else it may still be starting
                if (
                    sent >= most
                    or (at_work and not _is_at_work(run))
                    or _ends_within(run, draw.uniform(0.0, length / 2))
                ):
                    run.wait()  # to its end, by itself
                    return
                if run.kill(role):
                    sent += 1
                    yield {"what": NAMES[role], "seconds": round(time.monotonic() - start, 2)}
                    dead = role != WORKER
            if draw.random() < 0.5:
                run.reap()
    finally:
        for each in begun:
            each.reap()


def _is_at_work(run: Watched) -> bool:
    """Wait until there is a worker; return False where the run ended before."""
    while run.process.poll() is None:
        if WORKER in run.processes().values():
            return True
        time.sleep(0.1)
    return False


def _ends_within(run: Watched, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if run.process.poll() is not None:
            return True
        time.sleep(0.02)
    return False


def compare(expected: Embeddings, found: Embeddings) -> dict[str, int]:
    """Return how many rows of ``expected`` are "compared", and of them "lost" in ``found``, "doubled", "differing"."""
    vectors: dict[str, np.ndarray] = {}
    doubled = 0
    for block in found.blocks():
        for id, vector in zip(block.ids, block.vectors, strict=True):
            doubled += id in vectors
            vectors[id] = vector
    lost = differing = 0
    for block in expected.blocks():
        for id, vector in zip(block.ids, block.vectors, strict=True):
            other = vectors.pop(id, None)
            lost += other is None
            differing += other is not None and not np.array_equal(vector, other)
    return {"compared": expected.count, "lost": lost, "doubled": doubled, "differing": differing + len(vectors)}


if __name__ == "__main__":
    sys.exit(main())
