"""Read the weights of a loaded model another time, for its fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tiered_st.saved.saved_model import SavedModel


class WeightFiles:
    """Remember which files a model was loaded from.

    Graphs have eaten its weights, and a second copy would double the memory: so they are read anew, and an index must
    never be told the weights of whatever has replaced them.

    Args:
        saved: the model, as it is now.
    """

    def __init__(self, saved: SavedModel) -> None:
        self._saved = saved
        self._stamps = self._look()

    def named_weights(self) -> Mapping[str, NDArray[Any]]:
        """Return the weights by the names of the model's state dict.

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
        return self._saved.named_weights()

    def _look(self) -> dict[Path, tuple[int, int]]:
        paths = [self._saved.folder / row.subfolder / "model.safetensors" for row in self._saved.rows]
        stats = {path: path.stat() for path in paths if path.is_file()}
        return {path: (stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()}
