"""Search over texts: texts and ids go in, hits come out; a folder on disk holds an index whole.

`faiss_index` is the shipped path: vectors in FAISS (`faiss_vectors`), ids and texts (`records`), changed together.
`index_files` is the format on disk. Another backend brings its own vectors and shares the rest.
"""

from tiered_st.indexes.disk import DiskIndex
from tiered_st.indexes.faiss_index import FaissIndex
from tiered_st.indexes.hit import Hit
from tiered_st.indexes.index_config import IndexConfig
from tiered_st.indexes.index_files import IndexFileError, ModelMismatchError

__all__ = ["DiskIndex", "FaissIndex", "Hit", "IndexConfig", "IndexFileError", "ModelMismatchError"]
