"""Give chunk vectors their context, without torch.

In: chunk vectors (batch, chunks, d_sem). Out: contextual ones. ``semantic_encoder`` writes one graph, by ``writer``'s
layers: of ``bert`` (shipped) and its kin (``body_kinds``), or of ``own_transformer``, with ``products`` in int8 or
float32.
"""

from tiered_st.runtime.semantic.semantic_encoder import SemanticEncoder, of_equal_length

__all__ = ["SemanticEncoder", "of_equal_length"]
