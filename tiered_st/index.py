"""The old path of `tiered_st.indexes`."""

from tiered_st.moved import moved

__getattr__ = moved(
    __name__,
    FaissIndex="tiered_st.indexes", Hit="tiered_st.indexes",
    IndexFileError="tiered_st.indexes", ModelMismatchError="tiered_st.indexes",
    model_fingerprint="tiered_st.fingerprint",
)  # fmt: skip
