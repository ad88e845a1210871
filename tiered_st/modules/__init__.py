"""The modules of a model, in the order in which text flows through them."""

from tiered_st.modules.boundary_predictor import BoundaryPredictor
from tiered_st.modules.char_encoder import CharEncoder
from tiered_st.modules.chunk_projector import ChunkProjector
from tiered_st.modules.semantic_encoder import SemanticEncoder
from tiered_st.modules.tiered_input import TieredInput

__all__ = ["BoundaryPredictor", "CharEncoder", "ChunkProjector", "SemanticEncoder", "TieredInput"]
