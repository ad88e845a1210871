"""The old path of `tiered_st.compression` and `tiered_st.documents`."""

from tiered_st.moved import moved

__getattr__ = moved(
    __name__,
    LongDocument="tiered_st.documents", Passage="tiered_st.documents", encode_long="tiered_st.documents",
    quantize_char_encoder="tiered_st.compression", tabulate="tiered_st.compression",
)  # fmt: skip
