"""Embed more texts than one process holds: files of texts go in, a folder of parquet parts with vectors comes out.

`Embeddings` reads such a folder.
"""

from tiered_st.scale.embeddings import Block, Embeddings, EmbeddingsError

__all__ = ["Block", "Embeddings", "EmbeddingsError"]
