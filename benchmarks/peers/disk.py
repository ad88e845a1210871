"""How large a model is on disk: the files of its weights and its tokenizer."""

from __future__ import annotations

from pathlib import Path

KEPT = ("*.safetensors", "tokenizer.json")


def bytes_on_disk(folder: Path) -> int:
    """Return the size of a saved model's weights and tokenizer; 0 where the folder is none."""
    if not folder.is_dir():
        return 0
    return sum(file.stat().st_size for pattern in KEPT for file in folder.rglob(pattern))
