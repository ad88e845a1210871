"""Sentence embeddings that read characters and keep their meaning under typos.

What is offered here is imported when first asked for, so that importing is cheap: it stands below for types alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from tiered_st.compression import quantize_char_encoder as quantize_char_encoder
    from tiered_st.compression import tabulate as tabulate
    from tiered_st.config import TieredConfig as TieredConfig
    from tiered_st.documents import encode_long as encode_long
    from tiered_st.exporting import export as export
    from tiered_st.indexes import DiskIndex as DiskIndex
    from tiered_st.indexes import FaissIndex as FaissIndex
    from tiered_st.indexes import IndexConfig as IndexConfig
    from tiered_st.indexes import ShardedIndex as ShardedIndex
    from tiered_st.learned_words import forget_words as forget_words
    from tiered_st.learned_words import learn_words as learn_words
    from tiered_st.model import build as build
    from tiered_st.model import load as load
    from tiered_st.model import set_lexicon as set_lexicon
    from tiered_st.model import set_storage as set_storage
    from tiered_st.saved.model_folder import path as path
    from tiered_st.saved.model_folder import pretrained as pretrained
    from tiered_st.swap import swap_semantic_encoder as swap_semantic_encoder

_HOMES = {
    "TieredConfig": "config", "DiskIndex": "indexes", "FaissIndex": "indexes", "IndexConfig": "indexes",
    "ShardedIndex": "indexes",
    "build": "model", "load": "model", "set_lexicon": "model", "set_storage": "model",
    "path": "saved.model_folder", "pretrained": "saved.model_folder",
    "encode_long": "documents", "export": "exporting",
    "forget_words": "learned_words", "learn_words": "learned_words",
    "quantize_char_encoder": "compression", "tabulate": "compression", "swap_semantic_encoder": "swap",
}  # fmt: skip
__all__ = [
    "DiskIndex", "FaissIndex", "IndexConfig", "ShardedIndex", "TieredConfig", "build", "encode_long", "export",
    "forget_words", "learn_words", "load", "path", "pretrained", "quantize_char_encoder", "set_lexicon",
    "set_storage", "swap_semantic_encoder", "tabulate",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import on first use: torch takes seconds, and ``tiered-st --help`` needs none of it."""
    if name in _HOMES:
        try:
            return getattr(import_module(f"tiered_st.{_HOMES[name]}"), name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in ("torch", "transformers", "sentence_transformers"):
                raise
            cure = "pip install tiered-st, or do without torch by tiered_st.runtime.load"
            raise ImportError(f"tiered_st.{name} needs {error.name}: {cure}", name=error.name) from None
    raise AttributeError(f"module 'tiered_st' has no attribute {name!r}")
