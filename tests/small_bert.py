"""A small BERT with a vocabulary of its own, written to disk as tests ask for one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertModel, BertTokenizerFast


def save_bert(folder: Path, pieces: Sequence[str], **sizes: Any) -> None:
    """Write an untrained BERT, always the same, and its tokenizer of ``pieces`` into ``folder``.

    Args:
        folder: where to; made if need be.
        pieces: the vocabulary.
        sizes: arguments of ``BertConfig``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=len(pieces), **sizes)).save_pretrained(folder)
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), do_lower_case=True).save_pretrained(folder)
