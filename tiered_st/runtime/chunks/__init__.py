"""Give chunks their vectors, without torch.

In: rows of ids, as ``tiered_st.text`` makes them. Out: a vector per chunk. Way: ``chunk_vectors`` → ``chunk_cache`` →
``chunk_encoder``, which hashes n-grams in numpy (``hashed_ngrams``) and has the rest of E1 and the projector in one
ONNX graph, written by the files that are called as those of ``tiered_st.modules`` are. What is in no list is read again
by ``spellings``, which read it before the memory is passed over, alone and then, by ``spelling_context``, in its text.
"""

from tiered_st.runtime.chunks.chunk_vectors import ChunkVectors

__all__ = ["ChunkVectors"]
