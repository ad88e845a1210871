"""What a model is: its weights, and every setting that moves a vector, hashed.

Counted beside the weights: each module's kind and its settings (chunking, E1's form, the body, pooling mode,
``include_prompt``…), ``max_seq_length`` (it moves the vectors of longer texts), ``truncate_dim``, and the prompts that
are put before a text without being named: the default one, and those of ``encode_query`` and ``encode_document``.
Not counted, since no vector moves by them: names of prompts, other prompts, the similarity function, the storage of the
weights, device, dropout, cache size, attention implementation.

A model in half precision is taken for the one that it was made from, whichever of the two was hashed. One whose E1
computes in int8, or was replaced by a table, is another model.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

PROBE = "The quick brown fox jumps over the lazy dog, 0123456789 times."
_FORM = "2"  # opens a fingerprint; what has no form is of the weights alone
_PRECISIONS = (torch.float32, torch.float16, torch.bfloat16)
_APPLIED_PROMPTS = ("query", "document")  # by encode_query and encode_document, unasked
_STILL = re.compile(r"_|.*dropout|transformers_version$|(torch_)?dtype$|use_cache$|gradient_checkpointing$")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fingerprint:
    """Tell a model from others.

    Attributes:
        settings: 16 hex digits of the settings that move a vector.
        weights: 16 hex digits of the weights as they are, then as they would be in each lower precision.
    """

    settings: str
    weights: tuple[str, ...]

    @classmethod
    def of(cls, model: Any) -> Fingerprint:
        """Take the fingerprint of a model, the same in every process and on every device."""
        settings = json.dumps(_settings(model), sort_keys=True, default=lambda value: type(value).__name__)
        return cls(hashlib.sha256(settings.encode()).hexdigest()[:16], _weights(model))

    @classmethod
    def parse(cls, text: str) -> Fingerprint | None:
        """Read what ``str`` wrote; None if ``text`` is of another form."""
        form, *parts = text.split("-")
        return cls(parts[0], tuple(parts[1:])) if form == _FORM and len(parts) > 1 else None

    def __str__(self) -> str:
        return "-".join((_FORM, self.settings, *self.weights))


def model_fingerprint(model: Any) -> str:
    """Return the fingerprint of a model as text: a form, then 16 hex digits of settings, weights, rounded weights."""
    return str(Fingerprint.of(model))


def model_revision(model: Any) -> str:
    """Return 16 hex digits that change with the weights and with every setting that moves a vector."""
    found = Fingerprint.of(model)
    return hashlib.sha256(f"{found.settings}-{found.weights[0]}".encode()).hexdigest()[:16]


def difference(stored: str, model: Any) -> str | None:
    """Say in what a model differs from the one whose fingerprint was stored, or return None if it is the same.

    A fingerprint of the weights alone, which this library stored before it looked at settings too, is compared by
    them; a warning says that nothing else was.
    """
    known = Fingerprint.parse(stored)
    if known is None:
        if (found := weights_fingerprint(model)) != stored:
            return f"with fingerprint {stored}, this model has {found}: other weights"
        logger.warning(
            "The stored fingerprint %s is of the weights alone, as older versions of tiered-st made it. The weights "
            "are this model's; that pooling, prompts and max_seq_length are its own too was not checked.", stored,
        )  # fmt: skip
        return None
    own = Fingerprint.of(model)
    same_weights = bool(set(known.weights) & set(own.weights))
    if same_weights and known.settings == own.settings:
        return None
    what = "the same weights, but other settings (such as pooling, prompts, max_seq_length or truncate_dim)"
    return f"with fingerprint {stored}, this model has {own}: {what if same_weights else 'other weights'}"


def weights_fingerprint(model: Any) -> str:
    """Return 16 hex digits that change with any weight and its dtype, and with nothing else.

    A model without a state dict is known by its embedding of a fixed text, rounded to 4 decimals.
    """
    digest = hashlib.sha256()
    state = model.state_dict() if hasattr(model, "state_dict") else {}
    for name in sorted(state):
        _hash_value(digest, name, state[name], named=True)
    if not state:
        _hash_value(digest, "probe", _probe(model), named=True)
    return digest.hexdigest()[:16]


def _weights(model: Any) -> tuple[str, ...]:
    state = model.state_dict() if hasattr(model, "state_dict") else {}
    state = state or {"probe": _probe(model)}
    floats = [value.dtype for value in state.values() if isinstance(value, Tensor) and value.is_floating_point()]
    narrowest = min((dtype.itemsize for dtype in floats), default=0)
    precisions = [None, *(dtype for dtype in _PRECISIONS if dtype.itemsize < narrowest)]
    digests = [hashlib.sha256() for _ in precisions]
    for name in sorted(state):
        for digest, precision in zip(digests, precisions, strict=True):
            _hash_value(digest, name, state[name], precision=precision)
    return tuple(digest.hexdigest()[:16] for digest in digests)


def _probe(model: Any) -> Tensor:
    probe = np.asarray(model.encode([PROBE]), dtype=np.float32)  # (1, dimension)
    return torch.from_numpy(probe.round(4) + 0)  # + 0 turns -0.0 into 0.0


def _hash_value(
    digest: Any, name: str, value: Any, *, named: bool = False, precision: torch.dtype | None = None
) -> None:
    """Hash a value of a state dict, with the name of its dtype or, ``named`` aside, rounded to a precision."""
    if isinstance(value, (tuple, list)):  # the packed weights of int8 layers
        for position, item in enumerate(value):
            _hash_value(digest, f"{name}.{position}", item, named=named, precision=precision)
    elif isinstance(value, Tensor):
        floating, quantized = value.is_floating_point(), value.is_quantized
        kind = value.dtype if named or quantized else "float" if floating else "int"
        digest.update(f"{name}\0{kind}\0{tuple(value.shape)}\0".encode())
        value = value.detach().cpu()
        value = value.dequantize() if quantized else value.to(precision) if floating and precision else value
        # One wide type per kind: numpy has no bfloat16, and float32 would merge integers above 2**24.
        wide = torch.float64 if value.dtype == torch.float64 and not named else torch.float32
        value = value.to(wide if value.is_floating_point() else torch.int64)
        digest.update(value.contiguous().numpy().reshape(-1).view(np.uint8))
    else:  # the repr of dtypes and scalars is stable, that of other objects holds an address
        known = isinstance(value, (str, int, float, bool, torch.dtype, type(None)))
        digest.update(f"{name}\0{value if known else type(value).__name__!r}\0".encode())


def _settings(model: Any) -> dict[str, Any]:
    """Return the settings of a model that move a vector, JSON-ready."""
    modules = list(model.children()) if isinstance(model, torch.nn.Module) else []
    prompts = getattr(model, "prompts", None) or {}
    applied = {name: prompts[name] for name in _APPLIED_PROMPTS if prompts.get(name)}
    if default := prompts.get(getattr(model, "default_prompt_name", None)):
        applied[""] = default
    return {
        "modules": [{"kind": type(module).__name__, **_module_settings(module)} for module in modules],
        "prompts": applied,
        "truncate_dim": getattr(model, "truncate_dim", None),
    }


def _module_settings(module: Any) -> dict[str, Any]:
    if hasattr(module, "vector_settings"):
        return module.vector_settings()
    settings = dict(module.get_config_dict()) if hasattr(module, "get_config_dict") else {}
    settings["max_seq_length"] = getattr(module, "max_seq_length", None)
    if hasattr(getattr(module, "config", None), "to_dict"):  # a Transformer of Hugging Face
        settings["config"] = moving(module.config.to_dict())
    tokenizer: Any = getattr(module, "tokenizer", None)
    if hasattr(tokenizer, "get_vocab"):
        vocabulary = json.dumps(sorted(tokenizer.get_vocab().items(), key=lambda row: row[1]))
        settings["vocabulary"] = hashlib.sha256(vocabulary.encode()).hexdigest()
    return settings


def moving(body: dict[str, Any]) -> dict[str, Any]:
    """Return a Hugging Face configuration without what moves no vector: dropout, versions, dtype, private names."""
    return {key: value for key, value in body.items() if not _STILL.match(key)}
