"""Encoder 2: learn meaning from chunk vectors alone."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import Self

from tiered_st.config import TieredConfig
from tiered_st.modules.adapters import refuse_adapters
from tiered_st.modules.bodies import HuggingFaceBody, OwnTransformer
from tiered_st.modules.engine import Engine, EngineOptions
from tiered_st.modules.peek_gate import PeekGate
from tiered_st.modules.stored import StoredModule
from tiered_st.modules.text_edges import exclude_text_edges
from tiered_st.modules.tracing import is_traced

_POSITIONS = 256  # least number of positions that the body is given at a time on a CPU


def of_like_length(lengths: list[int], least: int = _POSITIONS) -> list[list[int]]:
    """Put texts of like length together: lists of rows, longest first, each but the last of ``least`` padded positions.

    Texts of equally many words differ in punctuation, and a batch is padded to its longest text: a quarter of the
    positions of ordinary batches of 32 is padding. Where nothing is padded nothing is split.
    """
    groups: list[list[int]] = []
    room = 0
    for row in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if not groups or (room <= 0 and lengths[row] < lengths[groups[-1][0]]):
            groups.append([])
            room = least
        groups[-1].append(row)
        room -= lengths[groups[-1][0]]
    return groups


class SemanticEncoder(StoredModule):
    """E2: turn ``token_embeddings`` (batch, chunks, d_sem) into contextual ones of the same shape."""

    def __init__(self, config: TieredConfig | dict[str, Any], *, storage: str = "float32") -> None:
        super().__init__(config, storage=storage)
        settings = self.settings
        self.peek = PeekGate(settings.d_char, settings.d_sem) if settings.peek else None
        self.segments = nn.Embedding(settings.segments, settings.d_sem) if settings.segments else None
        if self.segments is not None:
            nn.init.zeros_(self.segments.weight)  # a warm-started body begins with what it knows
        self.body: OwnTransformer | HuggingFaceBody = (
            OwnTransformer(settings) if settings.body is None else HuggingFaceBody(settings.body, settings.max_chunks)
        )

    def forward(self, features: dict[str, Tensor | Any], **kwargs: Any) -> dict[str, Tensor | Any]:
        """Read ``chunk_embeddings`` (batch, chunks, d_sem), write ``token_embeddings`` of the same shape.

        Reads ``char_features`` (batch, chunks, d_char) too with ``peek``, and ``token_type_ids`` (batch, chunks) with
        ``segments``, where what has none is one text, not a pair.
        """
        # Reading the untouched reference keeps forward re-runnable on the same dict.
        mask = features["attention_mask"]
        segments = features.get("token_type_ids") if self.segments is not None else None
        if self.peek is not None and "char_features" not in features:
            raise ValueError(
                "peek=True lets E2 see char_features (batch, chunks, d_char), but there are none: put it behind a "
                "TieredInput whose configuration has peek=True too."
            )
        chars = features["char_features"] if self.peek is not None else None
        run = self._run if self.engine is None else partial(run_engine, self.engine)
        states = run(features["chunk_embeddings"], mask, chars, segments)
        if not self.settings.pool_marks:
            states = exclude_text_edges(states, mask, segments, features.get("prompt_length"))
        features["token_embeddings"] = states
        return features

    def _run(self, states: Tensor, mask: Tensor, chars: Tensor | None, segments: Tensor | None) -> Tensor:
        """Run E2 by torch."""
        if self.peek is not None:
            states = self.peek(states, chars)
        if self.segments is not None:
            states = states + self.segments(torch.zeros_like(mask) if segments is None else segments)
        return self._read(states, mask)

    def extra_repr(self) -> str:
        """Say what runs E2 where torch does not, and what that computes in."""
        return "" if self.engine is None else f"{super().extra_repr()}, precision={self.engine.options.precision!r}"

    def make_engine(self, weights: dict[str, NDArray[Any]], options: EngineOptions) -> Any:
        """Return what runs E2 without torch."""
        from tiered_st.runtime.semantic import SemanticEncoder as RuntimeEncoder

        refuse_adapters(self)
        return RuntimeEncoder(
            self.settings, weights, precision=options.precision or "float32", threads=options.threads,
            providers=options.providers,
        )  # fmt: skip

    def _read(self, states: Tensor, mask: Tensor) -> Tensor:
        """Run the body; on a CPU, where padding costs more than starting kernels, on texts of like length at a time."""
        if states.device.type != "cpu" or is_traced():
            return self.body(states, mask)
        lengths = mask.sum(dim=1).tolist()
        groups = of_like_length(lengths)
        if len(groups) < 2 or self.body.leaves_padding_out():
            return self.body(states, mask)
        read = []
        for rows in groups:
            longest = max(1, lengths[rows[0]])
            part = self.body(states[rows, :longest], mask[rows, :longest])
            read.append(F.pad(part, (0, 0, 0, states.shape[1] - longest)))
        back = torch.tensor([row for rows in groups for row in rows]).argsort()
        return torch.cat(read)[back]

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", **kwargs: Any) -> Self:  # type: ignore[override]
        """Load from a folder or the hub; ``model_kwargs["attn_implementation"]`` is a Hugging Face body's for now."""
        module = super().load(model_name_or_path, subfolder, **kwargs)
        attention = (kwargs.get("model_kwargs") or {}).get("attn_implementation")
        if attention is not None:
            module.body.set_attention(attention)
        return module

    def gradient_checkpointing_enable(
        self,
        gradient_checkpointing_kwargs: dict[str, Any] | None = None,
        *,
        every_n_layers: int = 1,
        offload: bool = False,
    ) -> None:
        """Run layers again in the backward pass instead of keeping what they computed (Chen et al. 2016).

        Takes a third more time and a fraction of the memory. Has the name and arguments by which the trainer's
        ``gradient_checkpointing=True`` reaches it.
        """
        settings = gradient_checkpointing_kwargs or {"use_reentrant": False}
        self.body.checkpoint_gradients(settings, every=every_n_layers, offload=offload)

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """Write ``config.json`` and ``model.safetensors`` into ``output_path``.

        Raises:
            ValueError: if the body carries adapters of peft.
        """
        refuse_adapters(self)
        super().save(output_path, *args, **kwargs)

    def gradient_checkpointing_disable(self) -> None:
        """Keep again what layers computed."""
        self.body.checkpoint_gradients(None)


def run_engine(engine: Engine, states: Tensor, mask: Tensor, chars: Tensor | None, segments: Tensor | None) -> Tensor:
    """Run E2 by ONNX Runtime; return (batch, chunks, d_sem).

    Raises:
        ValueError: if a text's chunks do not stand before its padding.
    """
    semantic = engine.ready()
    vectors = (states if chars is None else torch.cat([states, chars], dim=-1)).float().cpu().numpy()
    there = mask.cpu().numpy()
    if (there[:, 1:] > there[:, :-1]).any():
        raise ValueError("attention_mask has padding before a chunk: ONNX Runtime takes it behind a text alone.")
    lengths = there.sum(axis=1)
    parts = None if segments is None else segments.cpu().numpy()
    out = semantic(vectors, lengths, parts)
    return torch.from_numpy(out).to(states.device, engine.dtype)
