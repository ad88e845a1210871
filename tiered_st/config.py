"""Describe a whole tiered architecture in one frozen dataclass."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

# What each setting may be; the defaults are what measurement says is best (benchmarks/RESULTS.md).
CHOICES: dict[str, tuple[str | None, ...]] = {
    "normalization": ("NFC", "NFKC", None),
    "chunker": ("words", "windows", "learned"),
    "char_mixer": ("transformer", "convolution"),
    "char_positions": ("rotary", "alibi", "none"),
    "char_span": ("chunk", "text", "causal"),
    "projector_pooling": ("softmax", "sigmoid", "attention", "mean", "max", "convolution"),
    "chunk_quantization": ("int8", "binary", None),
    "sem_positions": ("rotary", "alibi", "absolute", "learned"),
    "pooling": ("mean", "cls", "max"),
}

# Settings that move no vector: what a model may read at most (max_seq_length says what it does), keeps, or drops.
_STILL = {"max_chunks", "cache_size", "dropout"}


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
    chunker: str = "words"  # "words", "windows" of a fixed size, or "learned" boundaries
    window: int = 40  # ids per window, for chunker="windows"
    stride: int = 40  # ids from one window's start to the next one's; less than the window, and windows overlap
    boundary_layers: int = 3  # layers of the boundary predictor, for chunker="learned"
    boundary_buckets: int = 16_384  # its hashed n-grams
    chunk_chars: int = 32  # ids per chunk, its type id included; longer words are cut
    max_chunks: int = 510  # chunks per text, the two marks included; the rest of the text is cut with a warning
    # E1: chunks of characters → character states
    d_char: int = 128
    char_layers: int = 2
    char_heads: int = 4
    char_ffn: int = 512
    char_mixer: str = "transformer"  # or "convolution": a depth-wise separable stack
    char_kernel: int = 5  # characters a convolution sees
    char_positions: str = "rotary"
    char_span: str = "chunk"  # what a character sees: its chunk, the whole "text", or ("causal") the text before it
    ngram_sizes: tuple[int, ...] = (2, 3, 4, 5)
    ngram_buckets: int = 49_152  # 0 switches the hashed n-grams off
    ngram_width: int = 0  # width of the n-gram table, factorised by a Linear to d_char; 0 makes it d_char, without one
    leave_one_out: bool = True  # also hash each chunk with one character left out, so that single typos collide
    # chunk projector: character states → chunk vectors
    projector_pooling: str = "softmax"
    projector_hidden: int = 768  # 0 makes it a plain Linear
    memory_slots: int = 0  # prototypes of frequent chunks that a misspelt one is recognised by; 0 switches it off
    memory_width: int = 128  # of a prototype
    memory_values: int = 0  # width of what a recognised chunk means, beside its prototype; 0 switches it off
    type_embedding: bool = True  # add what a chunk looks like: case, digits, emoji, punctuation, script
    chunk_quantization: str | None = None  # round chunk vectors to 8 bits, or hash them to signs ("binary")
    # E2: chunk vectors → contextual chunk vectors
    d_sem: int = 384
    sem_layers: int = 6
    sem_heads: int = 8
    sem_ffn: int = 1536
    sem_positions: str = "rotary"  # of our own Transformer; a Hugging Face body brings its own
    segments: int = 0  # segment embeddings; 2 lets a text be a pair (first, second)
    peek: bool = False  # a gate by which E2 sees the mean of a chunk's raw character features
    body: dict[str, Any] | None = None  # a Hugging Face encoder's config.to_dict(); None builds our own Transformer
    # embedding
    pooling: str = "mean"
    pool_marks: bool = True  # whether the states of the two marks count in the mean
    dropout: float = 0.1
    cache_size: int = 32_768  # frequent chunks whose vectors are kept between calls; 0 switches the cache off

    def __post_init__(self) -> None:
        object.__setattr__(self, "ngram_sizes", tuple(self.ngram_sizes))
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}={getattr(self, name)!r} is not one of {', '.join(map(repr, choices))}.")
        for name in (
            "char_layers", "ngram_buckets", "ngram_width", "projector_hidden", "memory_slots", "memory_values",
            "sem_layers", "segments", "cache_size", "boundary_layers", "boundary_buckets",
        ):  # fmt: skip
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)} is negative: 0 switches it off.")
        for name in (
            "d_char", "char_heads", "char_ffn", "char_kernel", "d_sem", "sem_heads", "sem_ffn", "window", "stride",
            "memory_width",
        ):  # fmt: skip
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
        self._refuse_contradictions()

    def _refuse_contradictions(self) -> None:
        """Refuse settings that cannot both be had, naming the two."""
        if self.chunker == "windows" and self.window > self.chunk_chars - 1:
            raise ValueError(
                f"window={self.window} does not fit chunk_chars={self.chunk_chars}, whose first id is the chunk's "
                f"type: give chunk_chars={self.window + 1} or more."
            )
        if self.chunker == "windows" and self.stride > self.window:
            raise ValueError(f"stride={self.stride} exceeds window={self.window}: the text between would be lost.")
        if self.char_mixer == "convolution" and self.char_span == "causal":
            raise ValueError(
                "char_span='causal' speaks of attention, but char_mixer='convolution' has none: leave one of them."
            )
        if self.char_mixer == "convolution" and self.char_kernel % 2 == 0:
            raise ValueError(
                f"char_kernel={self.char_kernel} is even, but char_mixer='convolution' needs as many characters on "
                "either side: give an odd one."
            )
        if self.ngram_width and not self.ngram_buckets:
            raise ValueError(f"ngram_width={self.ngram_width} is of n-grams, but ngram_buckets=0: leave one of them.")
        if self.memory_values and not self.memory_slots:
            raise ValueError(
                f"memory_values={self.memory_values} is of a memory, but memory_slots=0: leave one of them."
            )
        if not self.pool_marks and self.pooling != "mean":
            raise ValueError(f"pool_marks=False speaks of the mean, but pooling={self.pooling!r}: leave one of them.")
        if self.body is not None:
            hidden = next((self.body[name] for name in ("hidden_size", "dim", "d_model") if name in self.body), None)
            if hidden != self.d_sem:
                raise ValueError(f"body has hidden_size={hidden}, but d_sem={self.d_sem}: they must be equal.")
            positions = self.body.get("max_position_embeddings")
            if positions is not None and positions < self.max_chunks:
                raise ValueError(f"max_chunks={self.max_chunks} exceeds the body's {positions} positions.")
            if self.sem_positions != "rotary":
                raise ValueError(
                    f"sem_positions={self.sem_positions!r} is of our own Transformer, but body brings its own "
                    "positions: leave one of them."
                )

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

    def vector_settings(self) -> dict[str, Any]:
        """Return the settings that move a vector, JSON-ready, without defaults, so that a new setting changes none."""
        given = self.to_dict()
        moves = {field.name for field in dataclasses.fields(self) if getattr(self, field.name) != field.default}
        return {name: given[name] for name in moves - _STILL}

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
