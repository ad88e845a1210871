"""The face of a Hugging Face tokenizer, for the libraries that ask a model for one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from transformers import BatchEncoding, PreTrainedTokenizerBase

from tiered_st.text.chunk_text import ChunkText
from tiered_st.text.chunk_vocabulary import MARKS, ChunkVocabulary
from tiered_st.text.reader import TextReader
from tiered_st.text.tokenizer import PAD, VOCAB_SIZE, CharTokenizer

_UNLIMITED = 2**40
_OFFERED = ("return_tensors", "return_attention_mask", "return_token_type_ids", "verbose")


class ChunkTokenizer(PreTrainedTokenizerBase):
    """Tokenize as the model reads: a token is a chunk, which is what ``max_seq_length`` counts.

    Splitters count, cut and put together again, so a token is a chunk *with the white space behind it* and its case:
    joined, the tokens of a text are the text, in the model's Unicode normal form. There is no list of all chunks: the
    id of one spells it out (see ``ChunkVocabulary``), the same in every process. Ids below 512 are the marks and the
    characters that a model's rows are made of, and those are what ``vocab`` lists.

    As tensors, texts become what the model reads, ``input_ids`` (batch, chunks, chars), and ``decode`` and
    ``batch_decode`` read those too.

    Args:
        reader: how the model reads; its ``limit`` is ``model_max_length`` here.
    """

    padding_side = "right"
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(self, reader: TextReader) -> None:
        self.reader = reader
        self.words = ChunkVocabulary(reader.settings)
        super().__init__(model_max_length=reader.limit, backend="custom", **MARKS)

    @property
    def characters(self) -> CharTokenizer:
        """What turns characters into ids."""
        return self.reader.tokenizer

    @property
    def model_max_length(self) -> int:
        """Most chunks read of a text, marks included; set it and the model's ``max_seq_length`` is set."""
        return self.reader.limit

    @model_max_length.setter
    def model_max_length(self, value: int) -> None:
        self.reader.limit = value

    # the vocabulary: the characters and marks

    @property
    def vocab_size(self) -> int:
        """How many ids characters and marks have."""
        return VOCAB_SIZE

    def __len__(self) -> int:
        return VOCAB_SIZE

    @property
    def vocab(self) -> ChunkVocabulary:
        """The ids of characters and marks."""
        return self.words

    def get_vocab(self) -> ChunkVocabulary:  # type: ignore[override]
        """Return the ids of characters and marks; equal only where two models read alike."""
        return self.words

    def convert_tokens_to_ids(self, tokens: str | list[str]) -> Any:
        """Return the id of a token, or those of a list."""
        return self.words.id_of(tokens) if isinstance(tokens, str) else [self.words.id_of(token) for token in tokens]

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """Return the token of an id, or those of a list."""
        if isinstance(ids, (int, np.integer)):
            return self.words.token_of(int(ids))
        return [self.words.token_of(int(i)) for i in ids if not (skip_special_tokens and self.words.is_mark(int(i)))]

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """Join tokens to text."""
        return "".join(tokens)

    @property
    def added_tokens_decoder(self) -> dict[int, Any]:
        """None: nothing can be added."""
        return {}

    def add_tokens(self, new_tokens: Any, special_tokens: bool = False) -> int:
        """Refuse: every chunk has an id already.

        Raises:
            ValueError: always.
        """
        raise ValueError("Nothing can be added to this tokenizer: it reads characters, and every text has ids already.")

    def save_pretrained(self, save_directory: Any, *args: Any, **kwargs: Any) -> tuple[str, ...]:  # type: ignore[override]
        """Write nothing: the model's configuration, saved with the model, is all there is."""
        return ()

    # text to tokens

    def tokenize(
        self, text: str, pair: str | None = None, add_special_tokens: bool = False, **kwargs: Any
    ) -> list[str]:
        """Cut a text into chunks, each with the white space behind it; joined they are the text (see the class)."""
        ids = self.encode(text, pair, add_special_tokens=add_special_tokens, **kwargs)
        return self.convert_ids_to_tokens(ids)

    def encode(self, text: str, text_pair: str | None = None, add_special_tokens: bool = True, **kwargs: Any) -> Any:
        """Return the ids of a text's tokens, between the marks; see ``__call__`` for the rest."""
        return self(text, text_pair, add_special_tokens=add_special_tokens, **kwargs)["input_ids"]

    def __call__(  # type: ignore[override]
        self,
        text: str | Sequence[Any],
        text_pair: str | Sequence[str] | None = None,
        *,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        return_tensors: str | None = None,
        **kwargs: Any,
    ) -> BatchEncoding:
        """Tokenize a text or many.

        Args:
            text: a text, or a list of texts or of pairs.
            text_pair: what each text is paired with.
            add_special_tokens: put the marks around them; tensors always have them.
            padding: True or "longest", or "max_length"; tensors are always padded.
            truncation: keep the first ``max_length`` tokens, marks included; by default where ``max_length`` is given.
            max_length: instead of ``model_max_length``.
            return_tensors: "pt" or "np" for what the model reads; by default lists of tokens' ids.
            kwargs: options of other tokenizers; refused where they ask for what this one does not have.

        Raises:
            ValueError: if an option is given that this tokenizer does not have.
        """
        if unknown := [name for name, value in kwargs.items() if value and name not in _OFFERED]:
            raise ValueError(f"This tokenizer has no {', '.join(unknown)}: leave it out.")
        one = isinstance(text, str)
        texts: list[Any] = [text] if isinstance(text, str) else list(text)
        if text_pair is not None:
            pairs = [text_pair] if isinstance(text_pair, str) else text_pair
            texts = list(zip(texts, pairs, strict=True))
        cut = truncation not in (None, False, "do_not_truncate") or (truncation is None and max_length is not None)
        limit = (max_length or self.model_max_length) if cut else _UNLIMITED
        room = (max_length or self.model_max_length) if padding == "max_length" else 0
        if return_tensors is not None:
            return self._tensors(texts, limit, room, return_tensors, add_special_tokens)
        marks = 2 if add_special_tokens else 0
        ids = [self.words.ids_of(self._pieces(item), limit - marks, marks=add_special_tokens) for item in texts]
        room = max([room, *map(len, ids)]) if padding else 0
        masks = [[1] * len(own) + [0] * (room - len(own)) for own in ids]
        ids = [own + [PAD] * (room - len(own)) for own in ids]
        return BatchEncoding({"input_ids": ids[0] if one else ids, "attention_mask": masks[0] if one else masks})

    def _tensors(self, texts: list[Any], limit: int, room: int, kind: str, marks: bool) -> BatchEncoding:
        if kind not in ("pt", "np") or not marks:
            raise ValueError(
                f"return_tensors={kind!r} with add_special_tokens={marks}: the model reads texts between marks, as "
                '"pt" or "np" tensors.'
            )
        features = self.reader.read(texts, "", limit).features()
        more = max(0, room - features["attention_mask"].shape[1])
        for name, value in features.items():
            value = np.pad(value, ((0, 0), (0, more), *[(0, 0)] * (value.ndim - 2)))
            features[name] = torch.from_numpy(value) if kind == "pt" else value
        return BatchEncoding(features)

    def _pieces(self, item: str | Sequence[str]) -> list[str]:
        """Cut a text, or the texts of a pair, into chunks with the white space behind them."""
        text = item if isinstance(item, str) else "\n".join(item)
        points, breaks = self.characters.normalize_all([text])
        starts = self.reader.chunker(points, self.characters.widths(self.characters.fold(points))).starts
        edges = [0, *starts[1:].tolist(), int(breaks[0])] if len(starts) else []
        data = points.tobytes()  # four bytes a character
        return [data[4 * a : 4 * b].decode("utf-32-le", "surrogatepass") for a, b in pairwise(edges)]

    # tokens, or what the model reads, to text

    def decode(self, token_ids: Any, skip_special_tokens: bool = False, **kwargs: Any) -> Any:
        """Return the text of tokens' ids, or of what the model reads of one text, rows (chunks, chars).

        Of several texts, such as ``input_ids`` (batch, chunks, chars), return a list of texts.
        """
        ids = token_ids.tolist() if hasattr(token_ids, "tolist") else token_ids
        if isinstance(ids, int):
            ids = [ids]
        if not len(ids) or isinstance(ids[0], (int, np.integer)):
            return self.convert_tokens_to_string(self.convert_ids_to_tokens(ids, skip_special_tokens))
        if self.words.are_rows(ids):
            return ChunkText(self.reader.settings, self.characters)(ids, marks=not skip_special_tokens)
        return self.batch_decode(ids, skip_special_tokens)

    def batch_decode(self, sequences: Any, skip_special_tokens: bool = False, **kwargs: Any) -> list[str]:  # type: ignore[override]
        """Return the texts of many lists of tokens' ids, or of the model's own ``input_ids`` (batch, chunks, chars)."""
        return [self.decode(sequence, skip_special_tokens) for sequence in sequences]
