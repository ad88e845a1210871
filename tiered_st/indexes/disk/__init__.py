"""Indexes past RAM: a folder of embeddings goes in, a folder comes out that is searched where it lies.

`disk_index` is the shipped path: `build` writes a folder (`layout` says what is in it) from blocks of vectors that
never stand in memory together; a search (`open_folder`) takes candidates from FAISS's mapped lists (`lists`), computes
their cosines from `row_vectors`, compares what was added since one by one (`exact`), and looks ids and texts up in
SQLite (`row_records`), which is the truth about what is there.
"""

from tiered_st.indexes.disk.disk_index import DiskIndex

__all__ = ["DiskIndex"]
