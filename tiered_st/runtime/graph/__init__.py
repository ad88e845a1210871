"""Write E2 as an ONNX graph: settings and stored weights in, the content of an ONNX file out, by numpy alone."""

from tiered_st.runtime.graph.products import PRODUCTS
from tiered_st.runtime.graph.semantic_graph import semantic_graph

__all__ = ["PRODUCTS", "semantic_graph"]
