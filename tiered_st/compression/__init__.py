"""Make a trained model's E1 smaller, for good: its weights in int8, or a table of chunk vectors in its place."""

from tiered_st.compression.int8 import quantize_char_encoder
from tiered_st.compression.table import tabulate

__all__ = ["quantize_char_encoder", "tabulate"]
