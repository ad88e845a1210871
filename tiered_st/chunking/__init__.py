"""Cut code points into chunks, the units that E2 sees. Every chunk has a type, which says what it looks like."""

from tiered_st.chunking.chunk_type import ChunkType
from tiered_st.chunking.chunker import Chunker, Chunks
from tiered_st.chunking.classes import SPACE, classify
from tiered_st.chunking.learned import LearnedChunker
from tiered_st.chunking.make import make_chunker
from tiered_st.chunking.windows import WindowChunker
from tiered_st.chunking.words import WordChunker

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
