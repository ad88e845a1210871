"""Describe a whole tiered architecture in frozen sections, in the order in which a text passes them.

Each section extends the one before it, for a tier is built on what it reads: a module names the last section that it
reads from, sees that one and all before it, and nothing behind. ``TieredConfig`` is the chain's end, so it *is* every
section, and names, on disk as in code, stay flat. The defaults are what measurement says is best
(benchmarks/RESULTS.md).
"""

# Annotations are no strings here: each section checks its fields by them.
import dataclasses
import unicodedata
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from typing_extensions import Self

Size = Annotated[int, 1]  # at least 1 of something
Count = Annotated[int, 0]  # 0 switches it off


@dataclass(frozen=True)
class CharacterConfig:
    """From text to characters; and what all sections share: each field is checked by its type when one is made."""

    normalization: Literal["NFC", "NFKC", None] = "NFKC"
    lowercase: bool = True
    fold_accents: bool = False  # read Latin letters without their accents: "está" is "esta", as on phones
    own_letters: str = ""  # small accented letters that fold_accents leaves, being letters of their own: "ñ"
    ordinals: bool = False  # read ª and º as written, and ° as º; NFKC alone makes "no" of "nº"

    def __post_init__(self) -> None:
        object.__setattr__(self, "own_letters", "".join(sorted(set(self.own_letters))))
        for field in dataclasses.fields(self):
            name, value = field.name, getattr(self, field.name)
            if get_origin(field.type) is Literal and value not in get_args(field.type):
                raise ValueError(f"{name}={value!r} is not one of {', '.join(map(repr, get_args(field.type)))}.")
            if field.type == Size and value < 1:
                raise ValueError(f"{name}={value} must be at least 1.")
            if field.type == Count and value < 0:
                raise ValueError(f"{name}={value} is negative: 0 switches it off.")
        if self.own_letters and not self.fold_accents:
            raise ValueError(f"own_letters={self.own_letters!r} is left by fold_accents=False: leave one of them.")
        if self.own_letters and self.normalization is None:
            raise ValueError(
                f"own_letters={self.own_letters!r} are composed letters, and normalization=None composes none: give "
                "normalization='NFC' or 'NFKC'."
            )
        for letter in self.own_letters:
            apart = unicodedata.normalize("NFD", letter)
            if len(apart) == 1 or not apart[0].isascii() or not apart[0].islower():
                raise ValueError(
                    f"own_letters={self.own_letters!r}: {letter!r} is no small accented letter of Latin script, which "
                    "fold_accents would change."
                )


@dataclass(frozen=True)
class ChunkConfig(CharacterConfig):
    """From characters to chunks: where a text is cut, and how much of it is read."""

    chunker: Literal["words", "windows", "learned"] = "words"  # "windows" are of a fixed size
    window: Size = 40  # ids per window, for chunker="windows"
    stride: Size = 40  # ids from one window's start to the next one's; less than the window, and windows overlap
    boundary_layers: Count = 3  # layers of the boundary predictor, for chunker="learned"
    boundary_buckets: Count = 16_384  # its hashed n-grams
    chunk_chars: int = 32  # ids per chunk, its type id included; longer words are cut
    max_chunks: int = 510  # chunks per text, BEGIN and FINISH included; the rest of the text is cut with a warning
    segments: Count = 0  # parts of a text that E2 tells apart; 2 lets a text be a pair (first, second)
    decimal_commas: bool = False  # keep a comma between digits in its number: "3,50" is one chunk, as "3.50" is
    split_hashtags: bool = False  # cut a hashtag before its capitals: "#BuenosDías" has two words

    def __post_init__(self) -> None:
        super().__post_init__()
        cuts = [name for name in ("decimal_commas", "split_hashtags") if getattr(self, name)]
        if cuts and self.chunker != "words":
            raise ValueError(
                f"{' and '.join(cuts)} say where words are cut, but chunker={self.chunker!r} does not cut by words: "
                "leave one of them."
            )
        if self.chunk_chars < 8:
            raise ValueError(f"chunk_chars={self.chunk_chars} leaves no room for a chunk: give at least 8.")
        if self.max_chunks < 3:
            raise ValueError(f"max_chunks={self.max_chunks} leaves no room between BEGIN and FINISH: give at least 3.")
        if self.chunker == "windows" and self.window > self.chunk_chars - 1:
            raise ValueError(
                f"window={self.window} does not fit chunk_chars={self.chunk_chars}, whose first id is the chunk's "
                f"type: give chunk_chars={self.window + 1} or more."
            )
        if self.chunker == "windows" and self.stride > self.window:
            raise ValueError(f"stride={self.stride} exceeds window={self.window}: the text between would be lost.")


@dataclass(frozen=True)
class CharEncoderConfig(ChunkConfig):
    """E1, from chunks to the states of their characters."""

    d_char: Size = 128
    char_layers: Count = 2
    char_heads: Size = 4
    char_ffn: Size = 512
    char_mixer: Literal["transformer", "convolution"] = "transformer"  # or a depth-wise separable stack
    char_kernel: Size = 5  # characters a convolution sees
    char_positions: Literal["rotary", "alibi", "none"] = "rotary"
    char_span: Literal["chunk", "text", "causal"] = "chunk"  # what a character sees; "causal": the text before it
    ngram_sizes: tuple[int, ...] = (2, 3, 4, 5)
    ngram_buckets: Count = 49_152
    ngram_width: Count = 0  # width of their table, factorised by a Linear to d_char; 0 makes it d_char, without one
    leave_one_out: bool = True  # also hash each chunk with one character left out, so that single typos collide

    def __post_init__(self) -> None:
        object.__setattr__(self, "ngram_sizes", tuple(self.ngram_sizes))  # JSON has lists
        super().__post_init__()
        if self.d_char % (2 * self.char_heads):
            raise ValueError(f"d_char={self.d_char} must be a multiple of 2 * char_heads={2 * self.char_heads}.")
        if any(size < 2 for size in self.ngram_sizes):
            raise ValueError(f"ngram_sizes={self.ngram_sizes} must all be at least 2; single characters are always in.")
        if self.ngram_width and not self.ngram_buckets:
            raise ValueError(f"ngram_width={self.ngram_width} is of n-grams, but ngram_buckets=0: leave one of them.")
        if self.char_mixer == "convolution" and self.char_span == "causal":
            raise ValueError(
                "char_span='causal' speaks of attention, but char_mixer='convolution' has none: leave one of them."
            )
        if self.char_mixer == "convolution" and self.char_kernel % 2 == 0:
            raise ValueError(
                f"char_kernel={self.char_kernel} is even, but char_mixer='convolution' needs as many characters on "
                "either side: give an odd one."
            )


@dataclass(frozen=True)
class ProjectorConfig(CharEncoderConfig):
    """The chunk projector and its memory, from the states of characters to chunk vectors."""

    d_sem: Size = 384  # width of chunk vectors, and of all that follows
    projector_pooling: Literal["softmax", "sigmoid", "attention", "mean", "max", "convolution"] = "softmax"
    projector_hidden: Count = 768  # 0 makes it a plain Linear
    memory_slots: Count = 0  # prototypes of frequent chunks that a misspelt one is recognised by
    memory_width: Size = 128  # of a prototype
    memory_values: Count = 0  # width of what a recognised chunk means, beside its prototype
    type_embedding: bool = True  # add what a chunk looks like: case, digits, emoji, punctuation, script
    chunk_quantization: Literal["int8", "binary", None] = None  # round to 8 bits, or hash to signs ("binary")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.memory_values and not self.memory_slots:
            raise ValueError(
                f"memory_values={self.memory_values} is of a memory, but memory_slots=0: leave one of them."
            )


@dataclass(frozen=True)
class SemanticConfig(ProjectorConfig):
    """E2, from chunk vectors to contextual ones."""

    sem_layers: Count = 6
    sem_heads: Size = 8
    sem_ffn: Size = 1536
    sem_positions: Literal["rotary", "alibi", "absolute", "learned"] = "rotary"  # a Hugging Face body brings its own
    dropout: float = 0.1
    peek: bool = False  # a gate by which E2 sees the mean of a chunk's raw character features
    body: dict[str, Any] | None = None  # a Hugging Face encoder's config.to_dict(); None builds our own Transformer

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout} is a probability below 1.")
        if self.d_sem % (2 * self.sem_heads):
            raise ValueError(f"d_sem={self.d_sem} must be a multiple of 2 * sem_heads={2 * self.sem_heads}.")
        if self.body is None:
            return
        hidden = next((self.body[name] for name in ("hidden_size", "dim", "d_model") if name in self.body), None)
        if hidden != self.d_sem:
            raise ValueError(f"body has hidden_size={hidden}, but d_sem={self.d_sem}: they must be equal.")
        positions = self.body.get("max_position_embeddings")
        if positions is not None and positions < self.max_chunks:
            raise ValueError(f"max_chunks={self.max_chunks} exceeds the body's {positions} positions.")
        if self.sem_positions != "rotary":
            raise ValueError(
                f"sem_positions={self.sem_positions!r} is of our own Transformer, but body brings its own positions: "
                "leave one of them."
            )


@dataclass(frozen=True)
class EmbeddingConfig(SemanticConfig):
    """From contextual chunk vectors to the sentence embedding."""

    pooling: Literal["mean", "cls", "max"] = "mean"
    pool_marks: bool = True  # whether the states of BEGIN and FINISH count in the mean

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.pool_marks and self.pooling != "mean":
            raise ValueError(f"pool_marks=False speaks of the mean, but pooling={self.pooling!r}: leave one of them.")


@dataclass(frozen=True)
class TieredConfig(EmbeddingConfig):
    """Hold every architectural choice, from characters to the sentence embedding.

    Sizes are numbers of units (ids, dimensions, layers); rates are probabilities. A combination that cannot work
    raises a ``ValueError`` naming the settings at odds.

    ``cache_size`` alone is no choice of architecture: it says how a model is run, and lies here because it is kept with
    the model, where ``config.json`` always had it. It moves no vector, and configurations that differ in it are equal.
    """

    cache_size: Count = dataclasses.field(default=32_768, compare=False)  # chunks whose vectors are kept between calls

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as JSON-ready plain types."""
        return dataclasses.asdict(self) | {"ngram_sizes": list(self.ngram_sizes)}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Self:
        """Build a configuration from :meth:`to_dict`'s output.

        Raises:
            ValueError: on a key this version does not know.
        """
        if unknown := sorted(set(settings) - {field.name for field in dataclasses.fields(cls)}):
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

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some settings changed."""
        return dataclasses.replace(self, **changes)


# What each setting of a few words may be.
CHOICES: dict[str, tuple[str | None, ...]] = {
    field.name: get_args(field.type) for field in dataclasses.fields(TieredConfig) if get_origin(field.type) is Literal
}

# RoBERTa and its kin count positions from the padding id on. A vocabulary opens with its special ids, so a small one is
# kept; a large one would drag its table along, and no such encoder counts from it.
KEPT_PADS = range(16)

# Settings that move no vector: what a model may read at most (max_seq_length says what it does), keeps, or drops.
_STILL = {"max_chunks", "cache_size", "dropout"}

PRESETS: dict[str, TieredConfig] = {
    # for tests and first looks: builds in milliseconds
    "toy": TieredConfig(
        d_char=32, char_layers=1, char_heads=2, char_ffn=64, ngram_buckets=512, projector_hidden=64,
        d_sem=32, sem_layers=2, sem_heads=2, sem_ffn=64, max_chunks=64, cache_size=256,
    ),
    # our own E2 from scratch, the size of the shipped English model
    "small": TieredConfig(),
}  # fmt: skip
