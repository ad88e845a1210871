"""Name the ids of characters and marks, and spell chunks out as ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tiered_st.config import ChunkConfig
from tiered_st.text.chunk_types import ChunkType
from tiered_st.text.tokenizer import END, FIRST_BYTE, FIRST_CODE_POINT, MASK, PAD, START, VOCAB_SIZE, CharTokenizer

MARKS = {"pad_token": "[PAD]", "mask_token": "[MASK]", "cls_token": "[BEGIN]", "sep_token": "[FINISH]"}
_NAMED = {PAD: "[PAD]", MASK: "[MASK]", START: "[START]", END: "[END]", **{int(t): f"[{t.name}]" for t in ChunkType}}
_READING = (
    "normalization", "lowercase", "chunker", "chunk_chars", "window", "stride", "segments", "fold_accents",
    "own_letters", "ordinals", "decimal_commas", "split_hashtags",
)  # fmt: skip
_LEAD = b"\x02"  # opens a spelt-out chunk, so that its id lies above those of characters


class ChunkVocabulary(dict[str, int]):
    """Map characters, bytes and marks to their ids; chunks, of which there is no end, are spelt out.

    The id of a chunk of several characters is its UTF-8 bytes behind a byte 2, read as one big-endian number: at least
    512, as many digits as it takes, and the same in every process.

    Two vocabularies are equal only where their models read texts alike, since that is what those who compare them mean
    by it: whether one model can be given what another's texts were turned into.

    Args:
        config: how the model reads.
    """

    def __init__(self, config: ChunkConfig) -> None:
        decode = CharTokenizer().decode
        tokens = [_NAMED.get(i, f"[UNUSED{i}]") for i in range(FIRST_BYTE)]
        tokens += [f"<0x{byte:02X}>" for byte in range(FIRST_CODE_POINT - FIRST_BYTE)]
        tokens += [decode([i]) for i in range(FIRST_CODE_POINT, VOCAB_SIZE)]
        super().__init__((token, i) for i, token in enumerate(tokens))
        self.tokens = tokens
        self.reading = [getattr(config, name) for name in _READING]

    def __eq__(self, other: object) -> bool:
        if self is other or not isinstance(other, ChunkVocabulary):
            return self is other
        # Learned boundaries are weights, which another model does not share.
        return self.reading == other.reading and "learned" not in self.reading

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (list(self.tokens), self.reading)

    def id_of(self, token: str) -> int:
        """Return the id of a mark or a byte by its name, of a character or a chunk by its spelling."""
        known = self.get(token)
        return self._spelt(token) if known is None else known

    def token_of(self, number: int) -> str:
        """Return what an id stands for.

        Raises:
            ValueError: if it is negative or spells nothing.
        """
        if 0 <= number < VOCAB_SIZE:
            return self.tokens[number]
        data = number.to_bytes((number.bit_length() + 7) // 8, "big") if number > 0 else b""
        if data[:1] != _LEAD:
            raise ValueError(f"{number} is no id of this tokenizer.")
        return data[1:].decode("utf-8", "surrogatepass")

    def ids_of(self, chunks: Sequence[str], limit: int, *, marks: bool) -> list[int]:
        """Return the ids of the first ``limit`` chunks, between the marks if asked for."""
        # Only a character's own id is looked up: a chunk spelt like a mark's name is no mark.
        ids = [self.id_of(chunk) if len(chunk) == 1 else self._spelt(chunk) for chunk in chunks[: max(limit, 0)]]
        return [int(ChunkType.BEGIN), *ids, int(ChunkType.FINISH)] if marks else ids

    @staticmethod
    def _spelt(chunk: str) -> int:
        return int.from_bytes(_LEAD + chunk.encode("utf-8", "surrogatepass"), "big")

    @staticmethod
    def is_mark(number: int) -> bool:
        """Return whether an id is no character, byte or chunk."""
        return number < FIRST_BYTE

    @staticmethod
    def are_rows(sequences: Sequence[Sequence[Any]]) -> bool:
        """Return whether lists of ids are the chunks of one text as a model reads it: type, characters, padding."""
        return all(
            len(row) > 0 and isinstance(row[0], int) and row[0] < FIRST_BYTE
            and all(isinstance(i, int) and (i < int(ChunkType.BEGIN) or FIRST_BYTE <= i < VOCAB_SIZE) for i in row[1:])
            for row in sequences
        )  # fmt: skip


def _restored(tokens: list[str], reading: list[Any]) -> ChunkVocabulary:
    vocabulary = ChunkVocabulary.__new__(ChunkVocabulary)
    vocabulary.update((token, i) for i, token in enumerate(tokens))
    vocabulary.tokens, vocabulary.reading = tokens, reading
    return vocabulary
