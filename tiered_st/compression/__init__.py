"""Make a trained model's E1 smaller, for good: a model goes in and is changed in place; it saves and loads as it is.

`int8` keeps E1 with its weights in int8; `table` puts a table of chunk vectors in its place. The shipped models are
neither: int8 is how their files are stored (`tiered_st.set_storage`), not how they compute.
"""

from tiered_st.compression.int8 import quantize_char_encoder
from tiered_st.compression.table import tabulate

__all__ = ["quantize_char_encoder", "tabulate"]
