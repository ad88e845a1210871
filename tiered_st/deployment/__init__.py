"""Switches for a model in use: E1 in int8, E1 as a table, and documents longer than a model reads."""

from tiered_st.deployment.long_documents import LongDocument, encode_long
from tiered_st.deployment.passages import Passage
from tiered_st.deployment.quantization import quantize_char_encoder
from tiered_st.deployment.tabulation import tabulate

__all__ = ["LongDocument", "Passage", "encode_long", "quantize_char_encoder", "tabulate"]
