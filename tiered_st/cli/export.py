"""`tiered-st export`: write a model in the form that ONNX Runtime runs without torch."""

from __future__ import annotations

import sys
from argparse import Namespace

from tiered_st.cli.backends import load_model
from tiered_st.cli.common import OK, count_of, explained, report
from tiered_st.records import RecordReader
from tiered_st.records.rows import InputError


def export(args: Namespace) -> int:
    """Export a model, compared with torch on the texts of a file, or on a few of the library's own."""
    texts = _texts(args.check) if args.check else []
    model = load_model(args.model, args)
    with explained():
        from tiered_st import export as write

        given = {"check": texts} if texts else {}
        found = write(model, args.output, precision=args.precision, **given)
    if not args.quiet:
        compared = f"compared with torch on {count_of(found.texts, 'text')}, least cosine {found.worst:.5f}"
        print(f"{args.model} written to {args.output} in {args.precision}, {compared}", file=sys.stderr)
    return OK


def _texts(path: str) -> list[str]:
    reader = RecordReader([path], report=report)
    reader.check()
    texts = [record.text for record in reader if record.text.strip()]
    if not texts:
        raise InputError(f"{path}: no text to compare by")
    return texts
