"""Do what `tiered-st encode` and `index` ask; the others have files of their own, and `cli` calls them here."""

from __future__ import annotations

import io
import os
import sys
from argparse import Namespace
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tiered_st.cli.backends import load_model
from tiered_st.cli.common import count_of, explained, finish, model_of, open_index, progress, report
from tiered_st.cli.embed import embed
from tiered_st.cli.export import export
from tiered_st.cli.finished_blocks import finished_blocks
from tiered_st.cli.index_embeddings import index_embeddings
from tiered_st.cli.info import info
from tiered_st.cli.search import search
from tiered_st.cli.vector_files import JsonlWriter, NpyWriter, VectorWriter, replacing
from tiered_st.files import standing
from tiered_st.indexes import DiskIndex, FaissIndex
from tiered_st.indexes.disk.layout import is_disk_index
from tiered_st.indexes.embedder import Embedder
from tiered_st.indexes.index_files import refuse_foreign
from tiered_st.indexes.lesson import Lesson
from tiered_st.records import RecordReader, blocks, guess_format
from tiered_st.records.rows import Columns, InputError

__all__ = ["embed", "encode", "export", "index", "info", "search"]

BLOCK = 1024  # records held at once


def encode(args: Namespace) -> int:
    """Write the embedding of every record of the inputs."""
    reader = _reader(args)
    _spare_inputs(args)
    model = load_model(args.model, args)
    dimension = int(model.get_embedding_dimension() or 0)
    done = 0
    kept = nullcontext(model) if args.output == "-" else finished_blocks(args.output, model, args)
    with (
        kept as encoder,
        _vector_writer(args, dimension) as writer,
        tqdm(unit="text", disable=not progress(args)) as bar,
    ):
        for block in blocks(iter(reader), BLOCK):
            texts = [record.text for record in block]
            vectors = encoder.encode(texts, batch_size=args.batch_size, show_progress_bar=False)
            writer.write([record.id for record in block], np.asarray(vectors, dtype=np.float32))
            done += len(block)
            bar.update(len(block))
        _require_texts(args, done)
    goal = "" if args.output == "-" else f" to {args.output}"
    return finish(args, reader, f"{count_of(done, 'embedding')} of {dimension} dimensions written{goal}")


def index(args: Namespace) -> int:
    """Build an index from the records of the inputs, or add them to one; or from embeddings."""
    if args.embeddings is not None:
        return index_embeddings(args)
    reader = _reader(args)
    folder = Path(args.output)
    stands = standing(folder)  # there, or where a killed writer set it aside
    if args.append and not stands.exists():
        raise InputError(f"{folder}: there is no index to append to: leave out --append to build one")
    if stands.exists() and not (stands / "meta.json").is_file():
        raise InputError(f"{folder}: exists and is not an index: give another folder")
    on_disk = args.append and is_disk_index(stands)
    if stands.exists() and not on_disk:
        with explained():
            refuse_foreign(stands)  # as save() would, but after all the work
    model = load_model(args.model or model_of(folder if args.append else None), args)
    blank: list[str] = []
    with explained():
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    with explained(), finished_blocks(args.output, model, args) as kept:
        found: FaissIndex | DiskIndex
        if args.learn_words:
            rows: Iterable[tuple[str, str]] = list(_indexable(reader, taken=(), blank=blank))
            found = FaissIndex(Embedder.taught(model, [text for _, text in rows]))
        else:
            found = open_index(folder, model) if args.append else FaissIndex(model)
            rows = _indexable(reader, taken=found, blank=blank)
        assert found.embedder is not None  # there is a model
        found.embedder.model = kept.taught(found.embedder.model, found.learned_words)
        added = found.add(rows, batch_size=args.batch_size, chunk_size=BLOCK, progress=progress(args))
        left_out = f"; {count_of(len(blank), 'blank text')} left out (first: {blank[0]})" if blank else ""
        _require_texts(args, added or (args.append and reader.skipped), left_out)  # all may be in it already
        if isinstance(found, FaissIndex):  # the other is on disk already
            found.save(folder)
    if kept.reused and not args.quiet:
        report(f"{count_of(kept.reused, 'text')} had been embedded before")
    holds = f"{count_of(added, 'text')} added to {folder}, which holds {len(found):,}{left_out}"
    return finish(args, reader, holds + _of_words(found.embedder.lesson, args))


def _of_words(lesson: Lesson | None, args: Namespace) -> str:
    """Return what there is to say of the words that the model was taught for an index."""
    if args.learn_words and lesson is None:
        return "; none of their words was new to the model"
    if lesson is None:
        return ""
    if not args.learn_words:
        return f"; it knows the {count_of(len(lesson.words), 'word')} that it was built with, and no new ones of these"
    return f"; {count_of(len(lesson.words), 'word')} taught that the model did not know"


def _indexable(reader: RecordReader, *, taken: Container[str], blank: list[str]) -> Iterator[tuple[str, str]]:
    """Yield (id, text), rejecting ids that are taken and noting blank texts, which would match anything a little."""
    seen: set[str] = set()
    for record in reader:
        if not record.text.strip():
            blank.append(record.where)
        elif record.id in seen or record.id in taken:
            reader.reject(record.where, f"the id {record.id!r} is taken")
        else:
            seen.add(record.id)
            yield record.id, record.text


@contextmanager
def _vector_writer(args: Namespace, dimension: int) -> Iterator[VectorWriter]:
    if args.output == "-":
        yield JsonlWriter(sys.stdout)
        return
    with replacing(args.output) as file:
        if args.output_format == "npy":
            writer = NpyWriter(file, dimension)
            yield writer
            writer.close()
        else:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
            yield JsonlWriter(text)
            text.detach()  # flushes, and leaves the file open for whoever opened it


def _reader(args: Namespace) -> RecordReader:
    if (args.field or args.id_field) and all((args.format or guess_format(path)) == "text" for path in args.input):
        raise InputError("lines of text have no fields: leave out --field and --id-field, or give --format")
    id = None if args.no_id_field else args.id_field or "id"
    reader = RecordReader(
        args.input,
        format=args.format,
        columns=Columns(args.field or "text", id, optional=args.id_field is None),
        skip=args.on_error == "skip",
        encoding=args.encoding,
        report=report,
        note=(lambda line: None) if args.quiet else report,
    )
    reader.check()
    return reader


def _spare_inputs(args: Namespace) -> None:
    """Refuse to put embeddings in the place of the texts that they are made from."""
    for path in args.input:
        if path != "-" and os.path.exists(args.output) and os.path.samefile(path, args.output):
            raise InputError(f"{args.output}: is an input, which its embeddings would replace: give another -o")


def _require_texts(args: Namespace, number: int, left_out: str = "") -> None:
    if not number:
        raise InputError(f"{', '.join(args.input)}: no text to {args.command}{left_out}; nothing was written")
