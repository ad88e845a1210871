"""Cut code points into chunks, the units that E2 sees. Every chunk has a type, which says what it looks like."""

from tiered_st.text.character_classes import SPACE, classify
from tiered_st.text.chunk_types import ChunkType
from tiered_st.text.chunker import Chunker, Chunks
from tiered_st.text.learned_chunker import LearnedChunker
from tiered_st.text.make_chunker import make_chunker
from tiered_st.text.window_chunker import WindowChunker
from tiered_st.text.word_chunker import WordChunker

__all__ = [
    "SPACE",
    "ChunkType",
    "Chunker",
    "Chunks",
    "LearnedChunker",
    "WindowChunker",
    "WordChunker",
    "classify",
    "make_chunker",
]
