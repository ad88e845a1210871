"""What each kind of index costs over its size, and what it finds: ``python -m benchmarks.scale.index --data DIR``.

Vectors are those of `benchmarks.scale.vectors`, kept in --work. Of each kind and size: seconds to build, its peak of
memory, bytes on disk, milliseconds of a query on one thread, recall@10 of exact search before and after re-ranking. A
kind and size that is stored is not measured again, unless with --fresh; --counts and --kinds choose. 10 million vectors
take 15 GB in --work.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.scale.stored import SCALE, read_scale, write_scale
from benchmarks.scale.vectors import BASE, MOVED, QUERIES, base_vectors, write_vectors

KINDS = ("flat", "hnsw", "ivf", "ivf_pq")
MOST_OF_GRAPHS = 1_000_000  # vectors beyond which a graph is not built: it is held in memory
SCANNED = 20  # queries of "flat", which reads everything


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, store and print; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale.index", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the kit's folder")
    parser.add_argument("--counts", type=float, nargs="+", default=[1e5, 1e6, 1e7], help="default: 1e5 1e6 1e7")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="default: all")
    parser.add_argument("--set", dest="numbers", nargs="+", default=[], metavar="NAME=N", help="numbers of the kind")
    parser.add_argument("--model", default="en-nano", help="of the real vectors (default: en-nano)")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where vectors and indexes lie; default: temporary")
    parser.add_argument("--seed", type=int, default=0, help="of the vectors (default: 0)")
    parser.add_argument("--fresh", action="store_true", help="measure again what is stored")
    parser.add_argument("--out", type=Path, default=SCALE, metavar="DIR", help="default: benchmarks/results/scale")
    args = parser.parse_args(argv)
    try:
        with TemporaryDirectory() as temporary:
            measure(args, args.work or Path(temporary))
    except (ValueError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def measure(args: argparse.Namespace, work: Path) -> None:
    """Measure every kind and size that is asked for and not stored, and store each as it is done."""
    numbers = {name: int(value) for name, _, value in (each.partition("=") for each in args.numbers)}
    base, queries = base_vectors(args.data, args.model, work, args.seed)
    head = {
        "model": args.model, "dimension": base.shape[1], "base": BASE, "moved": list(MOVED), "queries": QUERIES,
    }  # fmt: skip
    stored = read_scale(args.out).get("index", {})
    same = {key: stored.get(key) for key in head} == head and stored.get("seed") == args.seed
    cells: list[dict[str, Any]] = stored["cells"] if same else []
    for count in map(int, args.counts):
        for kind in args.kinds:
            known = [cell for cell in cells if (cell["kind"], cell["count"]) == (kind, count)]
            if (known and not args.fresh) or (kind == "hnsw" and count > MOST_OF_GRAPHS):
                continue
            folder = work / f"vectors-{count}-{args.seed}"
            write_vectors(folder, base, queries, count, args.model, args.seed)
            cell = {"kind": kind, "count": count, **_one(work, folder, {"kind": kind} | numbers)}
            cells = [each for each in cells if each not in known] + [cell]
            cells.sort(key=lambda each: (KINDS.index(each["kind"]), each["count"]))
            write_scale(args.out, "index", head | {"cells": cells}, seed=args.seed)
            print(told(cell))


def told(cell: dict[str, Any]) -> str:
    """Return a cell in a line."""
    made, asked = cell["build"], cell["search"]
    before = "" if asked["recall_before"] is None else f" ({asked['recall_before']:.3f} before re-ranking)"
    return (
        f"{cell['kind']}, {cell['count']:,}: built in {made['seconds']:.0f} s, {made['memory']:.0f} MB, "
        f"{sum(made['files'].values()) / 1e6:.0f} MB on disk; {asked['median_ms']:.2f} ms a query, "
        f"recall@10 {asked['recall']:.3f}{before}, {asked['memory']:.0f} MB"
    )


def _one(work: Path, embeddings: Path, config: dict[str, Any]) -> dict[str, Any]:
    index, truth = work / "index", embeddings.parent / f"{embeddings.name}-truth.npz"
    shutil.rmtree(index, ignore_errors=True)
    most = SCANNED if config["kind"] == "flat" else QUERIES
    made = _process(["build", str(index), str(embeddings), json.dumps(config)], threads=os.cpu_count() or 1)
    asked = _process(["search", str(index), str(truth), str(most)], threads=1)
    shutil.rmtree(index)
    return {"build": made, "search": asked}


def _process(arguments: list[str], *, threads: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.scale.one_index", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed: {done.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    sys.exit(main())
