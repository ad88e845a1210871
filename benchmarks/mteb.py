"""Run mteb on any model: ``python -m benchmarks.mteb MODEL [MODEL ...] --data DIR [--tasks NAME ...]``.

Names of local tasks (see `benchmarks.mteb_tasks`, ``--list`` shows them) are read from the folder; any other name is
asked of ``mteb.get_tasks`` and needs the hub. Without names, all local tasks run. Results are filed by mteb, under the
model's name and the hash of its weights; what is filed is not run again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer

from benchmarks.peers import Candidate, resolve
from benchmarks.report.markdown import markdown
from benchmarks.store import RESULTS

LICENCES = {"all-MiniLM-L6-v2": "apache-2.0"}


def wrap(candidate: Candidate) -> Any:
    """Return a model as mteb takes it, with metadata: name, revision, parameters, licence, languages.

    mteb reads name and revision from a SentenceTransformer's card, but neither parameters nor licence.

    Raises:
        ValueError: If it is not a SentenceTransformer.
    """
    from mteb.models import SentenceTransformerEncoderWrapper

    if not isinstance(candidate.model, SentenceTransformer):
        raise ValueError(f"mteb is given SentenceTransformer models here, and {candidate.name} is none: leave it out.")
    wrapped = SentenceTransformerEncoderWrapper(candidate.model)
    card = candidate.model.model_card_data
    licence = card.license or LICENCES.get(candidate.name) or _shipped_licence(candidate.name)
    name = candidate.name if "/" in candidate.name else f"{_organisation(candidate)}/{candidate.name}"
    known: dict[str, Any] = {
        "name": name,
        "revision": candidate.revision,
        "n_parameters": candidate.parameters,
        "memory_usage_mb": round(candidate.parameters * 4 / 2**20),
        "license": licence,
        "open_weights": True if licence else None,
        "languages": ["eng-Latn"],
    }
    wrapped.mteb_model_meta = wrapped.mteb_model_meta.model_copy(update=known)
    return wrapped


def choose(names: Sequence[str] | None, data: Path | None) -> list[Any]:
    """Return the tasks of these names, local ones first; all local ones without names.

    Raises:
        ValueError: If mteb knows a name as little as this module does, or data are missing.
    """
    import mteb

    from benchmarks.mteb_tasks import local_tasks

    if not names:
        return local_tasks(data)
    local = [name for name in names if name.endswith(("Dev", "DevTypos10"))]
    found = local_tasks(data, local) if local else []
    others = [name for name in names if name not in local]
    try:
        return [*found, *(mteb.get_tasks(tasks=others) if others else [])]
    except KeyError as error:
        raise ValueError(f"mteb has no task of that name: {error.args[0]}") from None


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit status."""
    options = _parse(argv)
    try:
        import mteb
    except ImportError:
        print("error: mteb is not installed: pip install tiered-st[mteb]", file=sys.stderr)
        return 2
    try:
        tasks = choose(options.tasks, options.data)
        if options.list:
            print("\n".join(task.metadata.name for task in tasks))
            return 0
        columns: list[dict[str, float]] = []
        models = [resolve(name) for name in options.models]
        for candidate in models:
            found = mteb.evaluate(
                wrap(candidate),
                tasks,
                cache=mteb.ResultCache(cache_path=options.out),
                encode_kwargs={"batch_size": options.batch_size, "show_progress_bar": False},
                overwrite_strategy="always" if options.fresh else "only-missing",
            )
            columns.append({result.task_name: 100.0 * result.get_score() for result in found.task_results})
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    rows = [[task.metadata.name, task.metadata.main_score] for task in tasks]
    for row in rows:
        row += [f"{column[row[0]]:.1f}" if row[0] in column else "–" for column in columns]
    print(markdown(["task", "score", *(candidate.name for candidate in models)], rows))
    return 0


def _organisation(candidate: Candidate) -> str:
    """Return the first half of the name: mteb files models as organisation/model."""
    return "sentence-transformers" if candidate.name == "all-MiniLM-L6-v2" else "tiered-st"


def _shipped_licence(name: str) -> str | None:
    """Return the licence of the models that ship with this library, which is the library's own."""
    from tiered_st.model import pretrained

    return "apache-2.0" if name in pretrained() else None


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mteb", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="MODEL", help="as for benchmarks.run")
    parser.add_argument("--tasks", nargs="+", metavar="NAME", help="default: all local tasks")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of parquet files, for local tasks")
    parser.add_argument("--out", type=Path, default=RESULTS / "mteb", metavar="DIR", help="where mteb files results")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="default: 64")
    parser.add_argument("--fresh", action="store_true", help="run again what is filed")
    parser.add_argument("--list", action="store_true", help="show the names of the tasks and stop")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
