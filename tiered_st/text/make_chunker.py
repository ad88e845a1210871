"""Choose the chunker that a configuration names."""

from __future__ import annotations

from tiered_st.config import ChunkConfig
from tiered_st.text.chunker import Chunker
from tiered_st.text.learned_chunker import BoundaryScores, LearnedChunker
from tiered_st.text.tokenizer import CharTokenizer
from tiered_st.text.window_chunker import WindowChunker
from tiered_st.text.word_chunker import WordChunker


def make_chunker(config: ChunkConfig, tokenizer: CharTokenizer, scores: BoundaryScores | None = None) -> Chunker:
    """Return the chunker of ``config``; a learned one asks ``scores``."""
    max_ids = config.chunk_chars - 1  # a row of ids opens with the chunk's type
    if config.chunker == "windows":
        return WindowChunker(config.window, config.stride)
    if config.chunker == "learned":
        if scores is None:
            raise ValueError("chunker='learned' asks where chunks start: give the read of a BoundaryPredictor.")
        return LearnedChunker(max_ids, tokenizer, scores)
    return word_chunker(config)


def word_chunker(config: ChunkConfig) -> WordChunker:
    """Return what cuts words as ``config`` says, also of a configuration whose chunker cuts otherwise."""
    return WordChunker(
        config.chunk_chars - 1, decimal_commas=config.decimal_commas, split_hashtags=config.split_hashtags
    )
