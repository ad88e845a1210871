"""Documents longer than a model reads: cut into passages, embedded as a stream, with a vector of the whole."""

from tiered_st.documents.long_documents import LongDocument, encode_long
from tiered_st.documents.passages import Passage

__all__ = ["LongDocument", "Passage", "encode_long"]
