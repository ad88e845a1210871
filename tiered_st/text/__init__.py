"""Read texts, by numpy alone.

In: texts. Out: rows of ids (``TextRows``), a row per chunk: its type, then its characters.
Way: ``reader`` → ``tokenizer`` → ``character_classes`` → a chunker → ``chunk_types`` → rows; ``parts`` joins pairs.
Shipped: ``word_chunker``, whose words ``spacing_chunker`` joins and cuts by a ``lexicon``. Which chunks may be misspelt
``spelling`` says.
Alternatives, for the ablations: ``window_chunker``, ``learned_chunker``.
"""

from tiered_st.text.character_classes import SPACE, classify
from tiered_st.text.chunk_types import ChunkType
from tiered_st.text.chunker import Chunker, Chunks
from tiered_st.text.learned_chunker import LearnedChunker
from tiered_st.text.lexicon import Lexicon
from tiered_st.text.make_chunker import make_chunker, word_chunker
from tiered_st.text.reader import TextReader
from tiered_st.text.spacing_chunker import SpacingChunker
from tiered_st.text.text_rows import TextRows
from tiered_st.text.window_chunker import WindowChunker
from tiered_st.text.word_chunker import WordChunker

__all__ = [
    "SPACE",
    "ChunkType",
    "Chunker",
    "Chunks",
    "LearnedChunker",
    "Lexicon",
    "SpacingChunker",
    "TextReader",
    "TextRows",
    "WindowChunker",
    "WordChunker",
    "classify",
    "make_chunker",
    "word_chunker",
]
