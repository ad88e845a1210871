"""Training objectives, one per file: forward embeds, compute is a pure function of tensors."""

from tiered_st.losses.boundary import BoundaryLoss
from tiered_st.losses.char_mlm import CharMLMLoss
from tiered_st.losses.chunk_identity import ChunkIdentityLoss
from tiered_st.losses.sentence_distillation import SentenceDistillationLoss
from tiered_st.losses.word_mimicry import WordMimicryLoss

__all__ = ["BoundaryLoss", "CharMLMLoss", "ChunkIdentityLoss", "SentenceDistillationLoss", "WordMimicryLoss"]
