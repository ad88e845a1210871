"""Search over texts: texts and ids go in, hits come out; a folder on disk holds an index whole.

`faiss_index` is the shipped path: vectors in FAISS (`faiss_vectors`), ids and texts (`records`), changed together.
`index_files` is the format on disk. What outgrows RAM is `disk`: built of a folder of embeddings, searched where it
lies. `sharded_index` asks several of either; `index_config` says how vectors are laid out for search.
"""

from tiered_st.indexes.disk import DiskIndex
from tiered_st.indexes.faiss_index import FaissIndex
from tiered_st.indexes.hit import Hit
from tiered_st.indexes.index_config import IndexConfig
from tiered_st.indexes.index_files import IndexFileError, ModelMismatchError
from tiered_st.indexes.sharded_index import ShardedIndex

__all__ = [
    "DiskIndex", "FaissIndex", "Hit", "IndexConfig", "IndexFileError", "ModelMismatchError", "ShardedIndex",
]  # fmt: skip
