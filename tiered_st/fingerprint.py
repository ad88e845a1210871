"""What a model is: its weights, and every setting that moves a vector, hashed.

Counted beside the weights: each module's kind and its settings (chunking, E1's form, the body, pooling mode,
``include_prompt``…), ``max_seq_length`` (it moves the vectors of longer texts), ``truncate_dim``, and the prompts that
are put before a text without being named: the default one, and those of ``encode_query`` and ``encode_document``.
Not counted, since no vector moves by them: names of prompts, other prompts, the similarity function, the storage of the
weights, device, dropout, cache size, attention implementation.

Nothing here needs torch. A model of torch is known by its modules and state dict; another may offer as much by
``named_weights() -> dict[str, array]``, under the state dict's names, and ``module_settings() -> list[dict]``, one per
module. ``tiered_st.saved.saved_model`` reads both from the folder of a saved model.

A model in half precision is taken for the one that it was made from, whichever of the two was hashed. One whose E1
computes in int8, or was replaced by a table, is another model.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tiered_st.config import TieredConfig
from tiered_st.weight_hash import hash_weights, lower_precisions

PROBE = "The quick brown fox jumps over the lazy dog, 0123456789 times."
_FORM = "2"  # opens a fingerprint; what has no form is of the weights alone
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
        return cls(_settings_hash(model), tuple(_weight_hashes(model)))

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
    same_weights = any(weights in known.weights for weights in _weight_hashes(model))  # mostly the first
    if same_weights and known.settings == _settings_hash(model):
        return None
    own = Fingerprint.of(model)
    what = "the same weights, but other settings (such as pooling, prompts, max_seq_length or truncate_dim)"
    return f"with fingerprint {stored}, this model has {own}: {what if same_weights else 'other weights'}"


def weights_fingerprint(model: Any) -> str:
    """Return 16 hex digits that change with any weight and its dtype, and with nothing else.

    A model without a state dict is known by its embedding of a fixed text, rounded to 4 decimals.
    """
    return hash_weights(_state(model), named=True)


def _weight_hashes(model: Any) -> Iterator[str]:
    """Yield the hash of the weights as they are, then as they would be in each lower precision."""
    state = _state(model)
    yield hash_weights(state)
    for precision in lower_precisions(state):
        yield hash_weights(state, precision=precision)


def _state(model: Any) -> dict[str, Any]:
    """Return weights by name, or what a model without any makes of a fixed text."""
    state = model.named_weights() if hasattr(model, "named_weights") else {}
    state = state or (model.state_dict() if hasattr(model, "state_dict") else {})
    if state:
        return state
    probe = np.asarray(model.encode([PROBE]), dtype=np.float32)  # (1, dimension)
    return {"probe": probe.round(4) + 0}  # + 0 turns -0.0 into 0.0


def _settings_hash(model: Any) -> str:
    settings = json.dumps(_settings(model), sort_keys=True, default=lambda value: type(value).__name__)
    return hashlib.sha256(settings.encode()).hexdigest()[:16]


def _settings(model: Any) -> dict[str, Any]:
    """Return the settings of a model that move a vector, JSON-ready."""
    prompts = getattr(model, "prompts", None) or {}
    applied = {name: prompts[name] for name in _APPLIED_PROMPTS if prompts.get(name)}
    if default := prompts.get(getattr(model, "default_prompt_name", None)):
        applied[""] = default
    return {
        "modules": module_settings(model),
        "prompts": applied,
        "truncate_dim": getattr(model, "truncate_dim", None),
    }


def module_settings(model: Any) -> list[dict[str, Any]]:
    """Return each module's kind and those of its settings that move a vector."""
    if hasattr(model, "module_settings"):
        return model.module_settings()
    torch = sys.modules.get("torch")  # not loaded, the model is none of its
    modules = model.children() if torch is not None and isinstance(model, torch.nn.Module) else []
    return [{"kind": type(module).__name__, **_module_settings(module)} for module in modules]


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


def of_config(config: TieredConfig) -> dict[str, Any]:
    """Return the settings of a configuration that move a vector, JSON-ready, its body's among them."""
    settings = config.vector_settings()
    return settings | ({"body": moving(settings["body"])} if "body" in settings else {})


def moving(body: dict[str, Any]) -> dict[str, Any]:
    """Return a Hugging Face configuration without what moves no vector: dropout, versions, dtype, private names."""
    return {key: value for key, value in body.items() if not _STILL.match(key)}
