"""The arguments of `tiered-st`. Nothing heavy is imported, so that `--help` and mistakes answer at once."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from tiered_st import __version__
from tiered_st.cli.backends import BACKENDS, default_backend
from tiered_st.cli.help import EXAMPLES, EXIT_CODES, INPUTS, SOURCES
from tiered_st.records.encodings import is_encoding
from tiered_st.records.formats import FORMATS
from tiered_st.saved.model_folder import DEFAULT_MODEL

MODELS = "a shipped model, a folder, owner/name on the Hugging Face hub or, pinned, owner/name@commit"
EMBEDDED_BEFORE = (
    "is of an index of texts. Embed with a model that knows the words: teach it (tiered_st.learn_words), save it, and "
    "give its folder to `tiered-st embed --model`"
)
OUTPUTS = {".npy": "npy", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse and check a command line.

    Raises:
        SystemExit: after printing what was asked for (code 0), or what is wrong (code 2).
    """
    parser, commands = build_parser()
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] not in commands:
        parser.parse_args(argv)  # --help, --version, or what is wrong
    # By the command's own parser: beside commands argparse takes no input behind an option, as in `search DIR -k 3 Q`.
    args = commands[argv[0]].parse_intermixed_args(argv[1:], argparse.Namespace(command=argv[0]))
    _check(commands[argv[0]], args)
    return args


def build_parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Build the parser, and by name those of the commands."""
    parser = argparse.ArgumentParser(
        prog="tiered-st",
        description="Sentence embeddings that keep their meaning under typos: encode texts, or index and search them.",
        epilog=EXAMPLES[""] + "\n" + EXIT_CODES + "\n`tiered-st COMMAND --help` says more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tiered-st {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    encode = _command(commands, "encode", "write the embedding of every text", reads_files=True)
    encode.add_argument("-o", "--output", default="-", metavar="OUT", help="file to write (default: - for stdout)")
    encode.add_argument(
        "--output-format", choices=["npy", "jsonl"],
        help="npy: float32 rows in input order; jsonl: id and embedding (default: by OUT's suffix, jsonl on stdout)",
    )  # fmt: skip
    _common(encode, model=DEFAULT_MODEL, batches=True)

    index = _command(commands, "index", "build a search index, or add to one", reads_files=True)
    index.add_argument(
        "-o", "--output", metavar="DIR", required=True, help="folder of the index; an index there is replaced"
    )
    index.add_argument("--append", action="store_true", help="add to the index in DIR instead of replacing it")
    index.add_argument(
        "--learn-words", action="store_true",
        help="teach the model the words of the texts that it does not know; the index remembers them",
    )  # fmt: skip
    _past_ram(index)
    _common(index, model=None, batches=True)

    embed = _command(commands, "embed", "embed more texts than memory holds, in one process or many")
    embed.add_argument(
        "input", metavar="SOURCE", nargs="+",
        help="files, folders, patterns, URLs of such (s3://…), or hub:owner/name[:config][:split]",
    )  # fmt: skip
    embed.add_argument("-o", "--output", metavar="TARGET", required=True, help="folder of the embeddings, or its URL")
    _fields(embed)
    embed.add_argument("--columns", metavar="A,B", default="", help="fields to carry along beside the text")
    embed.add_argument("--no-text", action="store_true", help="do not carry the text along")
    embed.add_argument("--dtype", choices=["float32", "float16", "int8"], default="float32", help="of vectors")
    embed.add_argument("--part-rows", type=_positive, default=4096, metavar="N", help="rows of a part")
    embed.add_argument("--workers", type=_positive, default=1, metavar="N", help="processes; Ray's, where N is above 1")
    embed.add_argument("--learn-words", action="store_true", help=argparse.SUPPRESS)  # refused by name
    embed.add_argument("--ray", action="store_true", help="embed by Ray with one worker too")
    _common(embed, model=DEFAULT_MODEL, batches=True, backend="onnx")

    search = _command(commands, "search", "find the texts closest in meaning to a query")
    search.add_argument("index", metavar="DIR", help="folder of the index")
    search.add_argument("query", metavar="QUERY", nargs="*", help="queries (default: lines of standard input)")
    search.add_argument("-k", type=_positive, default=5, metavar="N", help="hits per query (default: %(default)s)")
    search.add_argument("--json", action="store_true", help="print one JSON object per query, with whole texts")
    search.add_argument("--width", type=_natural, metavar="N", help="columns to clip to, 0: none (default: fit)")
    _on_error(search)
    _common(search, model=None)

    info = _command(commands, "info", "describe a model, an index or embeddings, or list the shipped models")
    info.add_argument("target", metavar="MODEL|DIR", nargs="?", help=f"{MODELS}, or a folder of an index or embeddings")
    info.add_argument("--json", action="store_true", help="print JSON")

    export = _command(commands, "export", "write a model in the form that runs on ONNX Runtime without torch")
    export.add_argument("model", metavar="MODEL", help="a shipped model's name, or a folder")
    export.add_argument("-o", "--output", metavar="FOLDER", required=True, help="folder to write")
    export.add_argument(
        "--precision", choices=["int8", "float32", "float16"], default="int8", help="of weights (default: %(default)s)"
    )
    export.add_argument(
        "--check", metavar="FILE", help="texts to compare with torch on; nothing is written that differs"
    )
    export.add_argument("--quiet", action="store_true", help="no summary")
    export.set_defaults(backend="torch", device="cpu", threads=None)
    return parser, commands.choices


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse what no command can do, and settle the output format of `encode`."""
    if args.command == "search" and not all(query.strip() for query in args.query):
        parser.error("an empty query asks nothing: give words to search for")
    if args.command == "index":
        _check_past_ram(parser, args)
    if args.command == "embed" and args.learn_words:
        parser.error(f"--learn-words: {EMBEDDED_BEFORE}")
    if args.command == "embed" and "-" in args.input:
        parser.error("standard input is read once, and a run that goes on reads again: give a file, or use encode")
    if "backend" in args:
        _check_backend(parser, args)
    if getattr(args, "encoding", None) is not None and not is_encoding(args.encoding):
        parser.error(f"--encoding {args.encoding!r} is no encoding of texts that Python knows, such as cp1252, utf-16")
    if args.command != "encode":
        return
    suffix = os.path.splitext(args.output)[1].lower()
    if args.output_format is None:
        args.output_format = "jsonl" if args.output == "-" else OUTPUTS.get(suffix)
    if args.output_format is None and not os.path.isdir(args.output):  # which is refused as what it is
        known = ", ".join(OUTPUTS)
        parser.error(f"-o {args.output}: its suffix is none of {known}: give one of them, or --output-format")
    if args.output == "-" and args.output_format == "npy":
        parser.error("npy cannot go to standard output: give -o FILE, or --output-format jsonl")


def _past_ram(index: argparse.ArgumentParser) -> None:
    """Add what is of an index that stays on disk."""
    index.add_argument(
        "--from", dest="embeddings", metavar="EMBEDDINGS",
        help="build it of a folder of embeddings, which need not fit into RAM, nor does the index",
    )  # fmt: skip
    kinds = ["auto", "flat", "hnsw", "ivf", "ivf_pq"]
    index.add_argument("--kind", choices=kinds, help="with --from: how it searches (default: auto, by their number)")
    for name, what in (
        ("lists", "into how many lists vectors are sorted"), ("probes", "lists that a search reads"),
        ("code-bytes", "bytes of a vector's code"), ("rerank", "candidates compared exactly, per ten hits"),
    ):  # fmt: skip
        index.add_argument(f"--{name}", type=_positive, metavar="N", help=f"with --from: {what} (default: by number)")


def _check_past_ram(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse what is of texts beside embeddings, and the other way round."""
    if args.learn_words and args.append:
        parser.error("--learn-words with --append: an index keeps the words that it was built with: build it anew")
    if args.learn_words and args.embeddings is not None:
        parser.error(f"--learn-words with --from {args.embeddings}: {EMBEDDED_BEFORE}")
    of_texts = ("format", "field", "id_field", "no_id_field", "encoding", "restart", "append")
    of_embeddings = ("kind", "lists", "probes", "code_bytes", "rerank")
    wrong = of_embeddings if args.embeddings is None else of_texts
    given = next((name for name in wrong if getattr(args, name) not in (None, False)), None)
    if args.embeddings is None and not args.input:
        parser.error("nothing to index: give INPUT files, or --from a folder of embeddings")
    if args.embeddings is not None and args.input:
        parser.error(f"--from {args.embeddings} brings its texts: leave out {args.input[0]!r}, or --from")
    if given is not None:
        beside = "which is of texts" if args.embeddings is not None else "which is of --from EMBEDDINGS"
        parser.error(f"--{given.replace('_', '-')}, {beside}: leave it out")
    if args.embeddings is not None and args.on_error == "skip":
        parser.error("--on-error skip is of texts: rows that could not be embedded were set aside by `tiered-st embed`")


def _check_backend(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Settle the backend, and refuse what it has not."""
    args.backend = args.backend or default_backend()
    if args.backend == "onnx" and args.device not in (None, "cpu"):
        parser.error(f"--device {args.device} is of --backend torch: --backend onnx computes on the CPU")


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str, *, reads_files: bool = False
) -> argparse.ArgumentParser:
    parts = [EXAMPLES[name], INPUTS if reads_files else SOURCES if name == "embed" else "", EXIT_CODES]
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog="\n".join(part for part in parts if part),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if reads_files:
        number = "*" if name == "index" else "+"  # none where there are embeddings
        parser.add_argument("input", metavar="INPUT", nargs=number, help="files with texts, or - for standard input")
        _fields(parser)
    return parser


def _fields(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=list(FORMATS), help="format of all inputs (default: by suffix)")
    parser.add_argument("--field", metavar="NAME", help="field of the text (default: text)")
    ids = parser.add_mutually_exclusive_group()
    ids.add_argument("--id-field", metavar="NAME", help="field of the id (default: id where there is one)")
    ids.add_argument("--no-id-field", action="store_true", help="name each text by FILE:LINE")
    parser.add_argument("--restart", action="store_true", help="start anew where an interrupted run would go on")
    _on_error(parser)


def _on_error(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--encoding", metavar="NAME", help="of the input (default: by byte-order mark, else UTF-8)")
    parser.add_argument(
        "--on-error", choices=["fail", "skip"], default="fail",
        help="what to do about a broken line; either way stderr names its file and line (default: %(default)s)",
    )  # fmt: skip


def _common(
    parser: argparse.ArgumentParser, *, model: str | None, batches: bool = False, backend: str | None = None
) -> None:
    default = model or f"the index's own if it ships with the package, else {DEFAULT_MODEL}"
    parser.add_argument("--model", default=model, help=f"{MODELS} (default: {default})")
    if batches:
        parser.add_argument(
            "--batch-size", type=_positive, default=64, metavar="N", help="texts at once (default: %(default)s)"
        )
    best = "torch where it and sentence-transformers are installed, else onnx"
    parser.add_argument(
        "--backend", choices=BACKENDS, default=backend,
        help=f"what computes: torch, or onnx (ONNX Runtime on the CPU, needs no torch) (default: {backend or best})",
    )  # fmt: skip
    parser.add_argument("--threads", type=_positive, metavar="N", help="of the CPU (default: the backend's own)")
    parser.add_argument("--device", help="of torch: cpu, cuda, mps, … (default: the best there is)")
    parser.add_argument("--quiet", action="store_true", help="no progress and no summary; broken lines are still named")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)
