"""Embed any number of texts into a folder: the one door of this package."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from tiered_st.file_lock import only_writer
from tiered_st.records.encodings import is_encoding
from tiered_st.records.formats import FORMATS
from tiered_st.records.rows import InputError
from tiered_st.records.urls import is_url
from tiered_st.saved.model_folder import DEFAULT_MODEL
from tiered_st.scale.describe import describe_model
from tiered_st.scale.embeddings import Embeddings
from tiered_st.scale.job import Job
from tiered_st.scale.manifest import DTYPES, EmbeddingsError
from tiered_st.scale.part import TEXT, import_pyarrow
from tiered_st.scale.place import Place
from tiered_st.scale.run import Run
from tiered_st.scale.sources import find_sources

BACKENDS = ("onnx", "torch")
_OF_ONE_PROCESS = "memory://"


def embed(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    text: str = "text",
    id: str | None = "id?",
    columns: Sequence[str] = (TEXT,),
    dtype: str = "float32",
    backend: str = "onnx",
    workers: int | tuple[int, int] = 1,
    ray: bool | None = None,
    threads: int | None = None,
    device: str | None = None,
    batch_size: int = 64,
    part_rows: int = 4096,
    format: str | None = None,
    encoding: str | None = None,
    on_error: str = "fail",
    revision: str | None = None,
    restart: bool = False,
    progress: bool = False,
) -> Embeddings:
    """Embed the texts of files, as documents, into parquet parts with ids and unit vectors.

    A run that was killed, at any moment and wherever it ran, goes on when it is called again with the same arguments:
    what is done stays, what is missing is embedded, and the result is that of a run that was not disturbed. Memory does
    not grow with the number of rows. A blank text is set aside and counted. That an id comes twice is noticed within a
    part; over all of them ``Embeddings.verify(ids=True)`` looks.

    Args:
        source: One or more files, folders, patterns such as ``"texts/*.jsonl.gz"``, URLs of such that fsspec opens
            (``s3://…``, ``gs://…``), or ``"hub:owner/name[:config][:split]"``, which `datasets` streams: parquet,
            JSONL, CSV, TSV, or a text per line; compressed ones by gzip, bzip2, xz or zstd.
        target: The folder to write, or a URL of one. One run at a time may write it: here a second one is refused;
            behind a URL there is no lock, and two at once do the same work twice.
        model: A shipped model's name, a folder, or a name on the hub, by which each worker loads it once.
        text: Field of the text.
        id: Field of the id; with a "?" behind it, only in files that have one. None, or no such field: a row is known
            by where it was read, as in ``notes.txt:12``.
        columns: What is carried along: fields of the source by name, and "text" for the text, whatever its field is.
            From parquet they keep their type; from others they are texts, or JSON of what is none.
        dtype: What vectors are stored as: "float32", "float16", or "int8", of which a vector is its integers times the
            column "scale".
        backend: "onnx", which needs no torch, or "torch".
        workers: Processes to embed in, or the least and the most of them. One is this process; more are Ray's: on the
            cluster of RAY_ADDRESS or ``ray.init``, which must see sources and target under the same paths, or else on
            this machine. Of torch each has a GPU where Ray sees any.
        ray: Whether to embed by Ray; by default with more than one worker.
        threads: Of the CPU, for each worker; by default one by Ray, and the backend's own number in this process.
        device: Of torch: "cpu", "cuda", …; by default the best there is.
        batch_size: Texts per forward pass, which are of about the same length.
        part_rows: The most rows of a part, which is what is lost at a kill.
        format: Of all files: "text", "jsonl", "csv", "tsv", "tsv-quoted" or "parquet"; by default as each suffix says.
        encoding: Of files of text; by default by byte-order mark, else UTF-8.
        on_error: What to do about a row that cannot be embedded: "fail" stops there, with what is done kept; "skip"
            sets it aside, with its place and the reason, in rejected.jsonl.
        revision: Of a model on the hub.
        restart: Remove what an earlier run wrote to ``target`` and start anew.
        progress: Show a progress bar.

    Returns:
        The embeddings; ``rejected`` says how many rows were set aside.

    Raises:
        InputError: If a source cannot be read, or with "fail" a row cannot be embedded; the text says where.
        EmbeddingsError: If ``target`` holds something else, or was begun with other sources, another model or other
            settings, or another process is writing it.
        ValueError: If an argument, or the model, is none that there is.
        ImportError: If something is not installed that the arguments ask for.
    """
    import_pyarrow()
    place = Place(target if is_url(os.fspath(target)) else os.path.abspath(target))
    by_ray = workers != 1 if ray is None else ray
    described = describe_model(model, revision)
    job = Job(
        target=place.folder, model=described.loaded_as, commit=described.commit, about_model=described.about,
        backend=backend, device=device, threads=threads or (1 if by_ray else None), batch_size=batch_size, dtype=dtype,
        text=text, id=id, columns=tuple(columns), format=format, encoding=encoding, part_rows=part_rows,
        skip=on_error == "skip",
    )  # fmt: skip
    _check(job, columns, workers, by_ray, on_error)
    sources = find_sources(source, target=place.folder, format=format)
    _refuse_what_sources_lack(job, {found["format"] for found in sources})
    if by_ray and any(_OF_ONE_PROCESS in path for path in (place.folder, *(found["path"] for found in sources))):
        raise ValueError(f"{_OF_ONE_PROCESS} is of this process alone: Ray's workers do not see it. Give workers=1.")
    with _only_run(place):
        run = Run(place, job, sources, restart=restart)
        if not run.complete:
            _carry_out(run, job, workers if by_ray else None, progress)
            if find_sources(source, target=place.folder, format=format, tell=False) != sources:
                raise InputError(
                    f"{place.folder}: the sources changed while they were read: start anew with restart=True"
                )
            run.finish()
        else:
            run.clean()  # as a run that was killed at its very end leaves it
    return Embeddings(place.folder)


def _carry_out(run: Run, job: Job, workers: int | tuple[int, int] | None, progress: bool) -> None:
    """Embed what is missing: by Ray with so many workers, or in this process."""
    units = list(run.units())
    finished = run.finished_rows() if progress else 0
    with tqdm(total=run.rows, initial=finished, unit="text", disable=not progress) as bar:
        if not units:
            return
        if workers is not None:
            from tiered_st.scale.on_ray import run_on_ray

            for rows in run_on_ray(units, job, workers):
                bar.update(rows)
            return
        from tiered_st.scale.worker import Worker

        worker = Worker(job)
        for unit in units:
            worker.run(unit, bar.update)


@contextmanager
def _only_run(place: Place) -> Iterator[None]:
    """Let one run at a time write a folder of this machine."""
    if place.local is None:
        yield
        return
    target = Path(os.path.realpath(place.local))
    if target.exists() and not target.is_dir():
        raise EmbeddingsError(f"{place.folder}: is a file, where a folder is to be written. Give another path.")
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = only_writer(target, wait=0)
    try:
        lock.__enter__()
    except TimeoutError:
        raise EmbeddingsError(
            f"{place.folder}: another process is at work on it. Wait for its end, or stop it."
        ) from None
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


def _check(job: Job, columns: Sequence[str], workers: int | tuple[int, int], by_ray: bool, on_error: str) -> None:
    """Refuse arguments that have no meaning."""
    choices = [
        ("dtype", job.dtype, DTYPES), ("backend", job.backend, BACKENDS), ("on_error", on_error, ("fail", "skip")),
        ("format", job.format, (None, *FORMATS)),
    ]  # fmt: skip
    for name, value, known in choices:
        if value not in known:
            raise ValueError(f"{name}={value!r} is not one of {', '.join(map(str, known))}.")
    both = (workers, workers) if isinstance(workers, int) else tuple(workers)
    if len(both) != 2 or not 1 <= both[0] <= both[1]:
        raise ValueError(f"workers={workers!r} must be a whole number, at least 1, or the least and the most of them.")
    if not by_ray and both != (1, 1):
        raise ValueError(f"workers={workers!r} are Ray's: leave out ray=False.")
    numbers = {"batch_size": job.batch_size, "part_rows": job.part_rows, "threads": job.threads or 1}
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name}={number} must be at least 1.")
    if isinstance(columns, str):
        raise ValueError(f"columns={columns!r} is one string: give a list of names.")
    if job.backend == "onnx" and job.device not in (None, "cpu"):
        raise ValueError(f"device={job.device!r} is of backend='torch': 'onnx' computes on the CPU.")
    if job.encoding is not None and not is_encoding(job.encoding):
        raise ValueError(f"encoding={job.encoding!r} is no encoding of texts that Python knows, such as cp1252.")
    job.check()


def _refuse_what_sources_lack(job: Job, formats: set[str]) -> None:
    """Refuse to ask lines of text for fields, tables for an encoding, and datasets for a format."""
    fields = job.fields
    if job.encoding is not None and formats <= {"parquet", "hub"}:
        raise InputError(f"encoding={job.encoding!r} is of files of text, and there are none: leave it out")
    if job.format is not None and formats == {"hub"}:
        raise InputError(f"format={job.format!r} is of files, and there are none: leave it out")
    if "text" in formats and (
        (formats == {"text"} and fields.text != "text") or (fields.id and not fields.optional) or fields.carried
    ):
        raise InputError("lines of text have no fields: leave out text, id and columns, or give a format")
