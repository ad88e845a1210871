"""Write computation down as an ONNX graph, from settings and stored weights, by numpy alone, and run it."""

from tiered_st.runtime.graph.blocks import block_product, product
from tiered_st.runtime.graph.engine import check_providers
from tiered_st.runtime.graph.graph import FUSED, Graph

__all__ = ["FUSED", "Graph", "block_product", "check_providers", "product"]
