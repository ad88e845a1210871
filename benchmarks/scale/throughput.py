"""Rows per second of a plain loop, of one process and of Ray's workers: ``python -m benchmarks.scale.throughput``.

Rounds are interleaved: each way embeds the same rows before the next round. Each run is a process of its own, and its
time is all of it: imports, Ray's start and the loading of the model too, as a user waits for them. One thread a worker.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.scale.one_run import ALONE, PLAIN, by_ray
from benchmarks.scale.stored import SCALE, write_scale
from benchmarks.scale.texts import sentences, write_texts
from benchmarks.scale.watched import Watched


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, store and print; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale.throughput", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the kit's folder")
    parser.add_argument("--rows", type=float, default=2e5, help="default: 200,000")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="of Ray (default: 1 2)")
    parser.add_argument("--model", default="en-nano", help="default: en-nano")
    parser.add_argument("--seed", type=int, default=0, help="of the texts (default: 0)")
    parser.add_argument("--out", type=Path, default=SCALE, metavar="DIR", help="default: benchmarks/results/scale")
    args = parser.parse_args(argv)
    try:
        kinds = [PLAIN, ALONE, *(by_ray(count) for count in args.workers)]
        seconds = measure(kinds, args.data, int(args.rows), args.rounds, args.model, args.seed)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    content = {"rows": int(args.rows), "rounds": args.rounds, "model": args.model, "seconds": seconds}
    write_scale(args.out, "throughput", content, seed=args.seed)
    for kind, found in seconds.items():
        print(f"{kind}: {', '.join(f'{int(args.rows) / each:.0f}' for each in found['all'])} rows/s")
    return 0


def measure(
    kinds: Sequence[str], data: Path, rows: int, rounds: int, model: str, seed: int
) -> dict[str, dict[str, list[float]]]:
    """Return the seconds of each way, one per round: of "all" of the process, and of its "work" without imports."""
    found: dict[str, dict[str, list[float]]] = {kind: {"all": [], "work": []} for kind in kinds}
    with TemporaryDirectory() as folder:
        source, target = Path(folder, "texts"), Path(folder, "target")
        write_texts(source, sentences(data), rows, seed)
        for _ in range(rounds):
            for kind, own in found.items():
                start = time.perf_counter()
                printed = Watched(["benchmarks.scale.one_run", kind, str(source), str(target), model]).wait()
                own["all"].append(time.perf_counter() - start)
                own["work"].append(json.loads(printed.splitlines()[-1])["seconds"])
                shutil.rmtree(target)
    return found


if __name__ == "__main__":
    sys.exit(main())
