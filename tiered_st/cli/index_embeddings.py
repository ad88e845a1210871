"""`tiered-st index --from EMBEDDINGS`: build an index on disk of a folder of embeddings."""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import nullcontext
from pathlib import Path

from tiered_st.cli.backends import load_model
from tiered_st.cli.common import OK, count_of, explained, progress
from tiered_st.indexes import DiskIndex, IndexConfig
from tiered_st.indexes.faiss_threads import faiss_threads


def index_embeddings(args: Namespace) -> int:
    """Build an index of embeddings; a model is only loaded to be compared with the one that embedded them."""
    model = None if args.model is None else load_model(args.model, args)
    with explained():
        config = IndexConfig(
            args.kind or "auto", lists=args.lists, probes=args.probes, code_bytes=args.code_bytes, rerank=args.rerank
        )
        Path(args.output).absolute().parent.mkdir(parents=True, exist_ok=True)
        with nullcontext() if args.threads is None else faiss_threads(args.threads):
            found = DiskIndex.build(args.output, args.embeddings, model, config=config, progress=progress(args))
    if not args.quiet:
        facts = found.info()
        recall = "".join(f", recall@10 {value}" for name, value in facts["recall"].items() if name == "recall@10")
        held = f"{count_of(len(found), 'text')} indexed in {args.output}"
        print(f"{held}, kind {facts['config']['kind']}{recall}", file=sys.stderr)
    return OK
