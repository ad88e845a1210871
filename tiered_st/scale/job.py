"""What a run is asked for: all that decides about its result, and how it is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tiered_st.records.rows import Columns
from tiered_st.scale.part import OWN, TEXT

WHERE_THERE_IS_ONE = "?"  # behind the name of an id field


@dataclass(frozen=True)
class Job:
    """Say what every unit of a run is carried out by; it is sent to each worker, and small.

    Attributes:
        target: The folder to write, an absolute path or a URL.
        model: A shipped model's name, an absolute folder or a name on the hub.
        commit: Of a model on the hub.
        about_model: What `describe.describe_model` says of it, to which a worker compares the one that it has loaded.
        backend: "onnx" or "torch".
        device: Of torch; None for the best there is.
        threads: Of the CPU, or None for the backend's own number.
        batch_size: Texts per forward pass.
        dtype: What vectors are stored as.
        text: Field of the text.
        id: Field of the id, with a "?" behind where files may lack it; None: rows are known by where they are.
        columns: What is carried along; "text" is the text.
        format, encoding: Of the sources that are files, or None where they show it.
        part_rows: Rows of a part.
        skip: Whether rows that cannot be embedded are set aside rather than end the run.
    """

    target: str
    model: str
    commit: str | None
    about_model: dict[str, Any]
    backend: str
    device: str | None
    threads: int | None
    batch_size: int
    dtype: str
    text: str
    id: str | None
    columns: tuple[str, ...]
    format: str | None
    encoding: str | None
    part_rows: int
    skip: bool

    @property
    def fields(self) -> Columns:
        """What is read of each row."""
        id, optional = self.id, False
        if id is not None and id.endswith(WHERE_THERE_IS_ONE):
            id, optional = id.removesuffix(WHERE_THERE_IS_ONE), True
        return Columns(self.text, id, optional, carried=tuple(name for name in self.columns if name != TEXT))

    def settings(self) -> dict[str, Any]:
        """Return what else than model and sources decides about the result: one run has one of each."""
        return {
            "backend": self.backend, "text": self.text, "id": self.id, "columns": list(self.columns),
            "format": self.format, "encoding": self.encoding, "part_rows": self.part_rows,
        }  # fmt: skip

    def check(self) -> None:
        """Refuse settings that cannot be honoured.

        Raises:
            ValueError: If a column is named twice, or as one that every part has.
        """
        for name in self.columns:
            if name in OWN:
                raise ValueError(f"columns: {name!r} is a column that every part has of its own. Leave it out.")
            if self.columns.count(name) > 1:
                raise ValueError(f"columns: {name!r} comes twice. Name each column once.")
