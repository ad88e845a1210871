"""Embed more texts than one process holds: files of texts go in, a folder of parquet parts with vectors comes out.

The way of a run, which `embed` begins (`bulk`): `sources` finds files → `units` cuts them → a `worker` reads blocks
(`line_blocks`, `parquet_blocks`, `hub_blocks`) and makes parts of them (`embed_block`, `part`), in this process or, by
Ray Data, in many (`on_ray`) → `run` keeps account in the folder, so that a killed one goes on. `Embeddings` reads it.
Nothing here needs torch, and only `on_ray` needs Ray.
"""

from tiered_st.scale.bulk import embed
from tiered_st.scale.embeddings import Block, Embeddings, EmbeddingsError

__all__ = ["Block", "Embeddings", "EmbeddingsError", "embed"]
