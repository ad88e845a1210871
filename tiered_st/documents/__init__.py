"""Documents longer than a model reads: streams of text go in, passages with vectors, and one of the whole, come out.

`passages` cuts, between chunks and where it can between sentences; `long_documents` embeds what was cut, passages of
several documents in a batch. There is one path and no alternative.
"""

from tiered_st.documents.long_documents import LongDocument, encode_long
from tiered_st.documents.passages import Passage

__all__ = ["LongDocument", "Passage", "encode_long"]
