"""The bodies of E2, chunk vectors in and contextual ones out: any encoder of Hugging Face (shipped), or our own."""

from tiered_st.modules.bodies.hugging_face import HuggingFaceBody
from tiered_st.modules.bodies.own_transformer import OwnTransformer

__all__ = ["HuggingFaceBody", "OwnTransformer"]
