"""Search over texts: texts and ids go in, hits come out; a folder on disk holds an index whole."""

from tiered_st.indexes.faiss_index import FaissIndex, Hit
from tiered_st.indexes.index_files import IndexFileError, ModelMismatchError

__all__ = ["FaissIndex", "Hit", "IndexFileError", "ModelMismatchError"]
