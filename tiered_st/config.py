"""Describe a whole tiered architecture in one frozen dataclass."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

CHAR_POSITIONS = ("rotary", "none")
NORMALIZATIONS = ("NFC", "NFKC", None)
POOLING_MODES = ("mean", "cls", "max")


@dataclass(frozen=True)
class TieredConfig:
    """Hold every architectural choice, from characters to the sentence embedding.

    Sizes are numbers of units (ids, dimensions, layers); rates are probabilities. A combination that cannot work
    raises a ``ValueError`` naming the settings at odds.
    """

    # text → characters
    normalization: Literal["NFC", "NFKC"] | None = "NFKC"
    lowercase: bool = True
    # characters → chunks
    chunk_chars: int = 32  # ids per chunk, its type id included; longer words are cut
    max_chunks: int = 510  # chunks per text, the two marks included; the rest of the text is cut with a warning
    # E1: chunks of characters → character states
    d_char: int = 128
    char_layers: int = 2
    char_heads: int = 4
    char_ffn: int = 512
    char_positions: str = "rotary"
    ngram_sizes: tuple[int, ...] = (2, 3, 4, 5)
    ngram_buckets: int = 49_152  # 0 switches the hashed n-grams off
    leave_one_out: bool = True  # also hash each chunk with one character left out, so that single typos collide
    # chunk projector: character states → chunk vectors
    projector_hidden: int = 768  # 0 makes it a plain Linear
    # E2: chunk vectors → contextual chunk vectors
    d_sem: int = 384
    sem_layers: int = 6
    sem_heads: int = 8
    sem_ffn: int = 1536
    body: dict[str, Any] | None = None  # a Hugging Face encoder's config.to_dict(); None builds our own Transformer
    # embedding
    pooling: str = "mean"
    pool_marks: bool = True  # whether the states of the two marks count in the mean
    dropout: float = 0.1
    cache_size: int = 32_768  # frequent chunks whose vectors are kept between calls; 0 switches the cache off

    def __post_init__(self) -> None:
        object.__setattr__(self, "ngram_sizes", tuple(self.ngram_sizes))
        self._require(self.normalization in NORMALIZATIONS, f"normalization={self.normalization!r}", NORMALIZATIONS)
        self._require(self.char_positions in CHAR_POSITIONS, f"char_positions={self.char_positions!r}", CHAR_POSITIONS)
        self._require(self.pooling in POOLING_MODES, f"pooling={self.pooling!r}", POOLING_MODES)
        for name in ("char_layers", "ngram_buckets", "projector_hidden", "sem_layers", "cache_size"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)} is negative: 0 switches it off.")
        for name in ("d_char", "char_heads", "char_ffn", "d_sem", "sem_heads", "sem_ffn"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be at least 1.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout} is a probability below 1.")
        if self.d_char % (2 * self.char_heads):
            raise ValueError(f"d_char={self.d_char} must be a multiple of 2 * char_heads={2 * self.char_heads}.")
        if self.d_sem % (2 * self.sem_heads):
            raise ValueError(f"d_sem={self.d_sem} must be a multiple of 2 * sem_heads={2 * self.sem_heads}.")
        if self.chunk_chars < 8:
            raise ValueError(f"chunk_chars={self.chunk_chars} leaves no room for a chunk: give at least 8.")
        if self.max_chunks < 3:
            raise ValueError(f"max_chunks={self.max_chunks} leaves no room between the two marks: give at least 3.")
        if any(size < 2 for size in self.ngram_sizes):
            raise ValueError(f"ngram_sizes={self.ngram_sizes} must all be at least 2; single characters are always in.")
        if not self.pool_marks and self.pooling != "mean":
            raise ValueError(f"pool_marks=False speaks of the mean, but pooling={self.pooling!r}: leave one of them.")
        if self.body is not None:
            hidden = self.body.get("hidden_size")
            if hidden != self.d_sem:
                raise ValueError(f"body has hidden_size={hidden}, but d_sem={self.d_sem}: they must be equal.")
            positions = self.body.get("max_position_embeddings")
            if positions is not None and positions < self.max_chunks:
                raise ValueError(f"max_chunks={self.max_chunks} exceeds the body's {positions} positions.")

    @staticmethod
    def _require(holds: bool, setting: str, choices: tuple[Any, ...]) -> None:
        if not holds:
            raise ValueError(f"{setting} is not one of {', '.join(map(repr, choices))}.")

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as JSON-ready plain types."""
        return dataclasses.asdict(self) | {"ngram_sizes": list(self.ngram_sizes)}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> TieredConfig:
        """Build a configuration from :meth:`to_dict`'s output.

        Raises:
            ValueError: on a key this version does not know.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(settings) - known)
        if unknown:
            raise ValueError(
                f"TieredConfig does not know {', '.join(unknown)}. "
                "The model was saved by a newer tiered-st: upgrade with `pip install -U tiered-st`."
            )
        return cls(**settings)

    def replace(self, **changes: Any) -> TieredConfig:
        """Return a copy with some settings changed."""
        return dataclasses.replace(self, **changes)


PRESETS: dict[str, TieredConfig] = {
    # for tests and first looks: builds in milliseconds
    "toy": TieredConfig(
        d_char=32, char_layers=1, char_heads=2, char_ffn=64, ngram_buckets=512, projector_hidden=64,
        d_sem=32, sem_layers=2, sem_heads=2, sem_ffn=64, max_chunks=64, cache_size=256,
    ),
    # our own E2 from scratch, the size of the shipped English model
    "small": TieredConfig(),
}  # fmt: skip
