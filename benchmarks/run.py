"""Measure models side by side: ``python -m benchmarks.run MODEL [MODEL ...] --suite typo --data DIR``.

MODEL is a model that ships with tiered_st, a baseline (minilm, minilm+symspell, minilm+symspell-compound,
minilm+shuffled, minilm-noise, subword-baseline, static, hashed-ngrams, bm25, e5, use, symspell), a folder, or any
sentence-transformers name. Forms in which one deploys a model stand behind its name: en-small+onnx-int8,
minilm+openvino. All models of a run see the same texts. Every score is stored at once; what is stored is not measured
again while weights, texts and settings are the same.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm.auto import tqdm

from benchmarks.peers import Candidate, resolve
from benchmarks.report.tables import sizes_of, table
from benchmarks.store import RESULTS, Result, path_of, provenance, read, write
from benchmarks.suite import Condition, Suite, Task
from benchmarks.suites import suites


def measure(
    candidate: Candidate,
    suite: Suite,
    task: Task,
    *,
    seeds: int = 5,
    folder: Path = RESULTS,
    fresh: bool = False,
    metrics: Sequence[str] | None = None,
) -> Result:
    """Score a model in every condition of a task that is not stored yet.

    Args:
        candidate: The model.
        suite: The suite that the task is of.
        task: Its data.
        seeds: Number of seeds.
        folder: Where results are stored.
        fresh: Measure again what is stored.
        metrics: Score these alone; None for all of the suite.

    Returns:
        The result as stored. It keeps scores of further seeds from earlier runs on the same texts.
    """
    path = path_of(folder, candidate, suite.name, former=not fresh)
    settings = {"bf16": candidate.bf16}
    result = Result(candidate.name, candidate.revision, candidate.parameters, suite.name, task.data, settings)
    checksums = {condition: task.checksum(condition) for condition in task.conditions(seeds)}
    if path.is_file() and not fresh:
        stored = read(path)
        # Seeds beyond this run's are known by the texts that both have: if those changed, so did the others.
        if stored.settings == settings and stored.data == task.data and _agree(stored, checksums):
            result = stored
        else:
            path = path_of(folder, candidate, suite.name, former=False)
    wanted = [condition for condition in checksums if metrics is None or condition.metric in metrics]
    todo = [condition for condition in wanted if not result.has(condition, checksums[condition])]
    label = f"{suite.name} {candidate.name}"
    with tqdm(total=len(wanted), initial=len(wanted) - len(todo), desc=label, unit="condition") as bar:
        for condition in todo:
            bar.set_postfix_str(f"{condition.metric}, seed {condition.seed}")
            result.add(condition, task.score(candidate, condition), checksums[condition])
            result.provenance, result.disk_bytes = provenance() | {"seeds": seeds}, candidate.disk_bytes
            write(path, result)
            bar.update()
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit status."""
    options = _parse(argv)
    known = suites()
    chosen = list(known.values()) if options.suite == "all" else [known[options.suite]]
    try:
        if options.data is not None and not options.data.is_dir():
            raise ValueError(f"--data {options.data} is not a folder: give the folder that holds the parquet files.")
        unknown = set(options.metrics or ()) - {metric for suite in chosen for metric in suite.metrics}
        if unknown:
            metrics = ", ".join(metric for suite in chosen for metric in suite.metrics)
            raise ValueError(f"no metric {', '.join(sorted(unknown))} in the suites chosen, which have {metrics}.")
        tasks = [suite.load(options.data) for suite in chosen]
        results: list[list[Result]] = [[] for _ in chosen]
        for name in options.models:
            candidate = resolve(name)
            candidate.bf16, candidate.batch_size = options.bf16, options.batch_size
            for suite, task, found in zip(chosen, tasks, results, strict=True):
                if candidate.ranks and not getattr(task, "takes_rankings", False):
                    print(f"{candidate.name} makes no vectors: left out of suite {suite.name}", file=sys.stderr)
                    continue
                if hasattr(task, "takes") and not task.takes(candidate):
                    print(f"{candidate.name} cannot be told how far to read: left out of {suite.name}", file=sys.stderr)
                    continue
                settings = {"seeds": options.seeds, "folder": options.out, "fresh": options.fresh}
                found.append(measure(candidate, suite, task, **settings, metrics=options.metrics))
        for suite, task, found in zip(chosen, tasks, results, strict=True):
            if not found:
                continue
            print(f"\n{suite.title}\n{task.data}\n\n{table(found, suite, seeds=options.seeds, sizes=sizes_of(found))}")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped: run the same command to go on from here", file=sys.stderr)
        return 130
    return 0


def _agree(stored: Result, checksums: dict[Condition, str]) -> bool:
    """Tell whether a stored result shares texts with this run and differs in none."""
    same = [
        stored.has(condition, checksum)
        for condition, checksum in checksums.items()
        if str(condition.seed) in stored.scores.get(condition.metric, {})
    ]
    return bool(same) and all(same)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--suite", choices=[*suites(), "all"], default="typo")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of parquet files; default: the hub, if it can")
    parser.add_argument("--seeds", type=_positive, default=5, metavar="N", help="default: 5")
    parser.add_argument(
        "--metrics", nargs="+", metavar="METRIC", help='such as clean "10 %%"; default: all of the suite'
    )
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="default: benchmarks/results")
    parser.add_argument("--batch-size", type=_positive, default=64, metavar="N", help="default: 64")
    parser.add_argument("--bf16", action="store_true", help="encode under bfloat16 autocast")
    parser.add_argument("--fresh", action="store_true", help="measure again what is stored")
    return parser.parse_args(argv)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
