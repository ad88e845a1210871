"""Read the weights of a loaded model another time, for its fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tiered_st.runtime.chunks.learned_words import LearnedWords
from tiered_st.saved.saved_model import SavedModel

_LEARNED = "learned_words"


class WeightFiles:
    """Remember which files a model was loaded from.

    Graphs have eaten its weights, and a second copy would double the memory: so they are read anew, and an index must
    never be told the weights of whatever has replaced them.

    Args:
        saved: the model, as it is now.
        words: those in its files that it was taught; others are in memory alone, and given when they are asked for.
    """

    def __init__(self, saved: SavedModel, words: LearnedWords | None = None) -> None:
        self._saved = saved
        self._words = words
        self._module_settings = saved.module_settings()
        self._stamps = self._look()

    def holds(self, words: LearnedWords | None) -> bool:
        """Say whether these words are those in the files."""
        return words is self._words

    def module_settings(self, words: LearnedWords | None) -> list[dict[str, Any]]:
        """Return the settings that move a vector, by module, of the model that knows these words."""
        first, *others = self._module_settings
        if not self.holds(words):
            first = {name: value for name, value in first.items() if name != _LEARNED}
            first |= {} if words is None else {_LEARNED: words.settings()}
        return [first, *others]

    def named_weights(self, words: LearnedWords | None) -> Mapping[str, NDArray[Any]]:
        """Return the weights, by the names of the model's state dict, of the model that knows these words.

        Raises:
            ValueError: if a file is gone or another one.
        """
        now = self._look()
        for path, stamp in self._stamps.items():
            if now.get(path) != stamp:
                what = "is gone" if path not in now else "is another file now"
                raise ValueError(
                    f"{path} {what}, and the weights that this model was loaded with are read from it: leave the "
                    "folder of a model in use as it is, or load the model again."
                )
        weights = self._saved.named_weights()
        if self.holds(words):
            return weights
        prefix = f"{self._saved.rows[0].name}.chunk_projector.{_LEARNED}."
        tensors = {} if words is None else words.tensors()
        weights = {name: value for name, value in weights.items() if not name.startswith(prefix)}
        return weights | {prefix + name: value for name, value in tensors.items()}

    def _look(self) -> dict[Path, tuple[int, int]]:
        paths = [self._saved.folder / row.subfolder / "model.safetensors" for row in self._saved.rows]
        stats = {path: path.stat() for path in paths if path.is_file()}
        return {path: (stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()}
