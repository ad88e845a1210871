"""Training objectives, one per file: forward embeds, compute is a pure function of tensors.

Those that train E1 and the projector alone say so by ``tier = "E1"``.
"""

from tiered_st.losses.boundary import BoundaryLoss
from tiered_st.losses.char_clm import CharCLMLoss
from tiered_st.losses.char_mlm import CharMLMLoss
from tiered_st.losses.chunk_identity import ChunkIdentityLoss
from tiered_st.losses.chunk_order import ChunkOrderLoss
from tiered_st.losses.classification import ClassificationLoss
from tiered_st.losses.gradient_stop import StopAtProjector
from tiered_st.losses.masked_chunk import MaskedChunkLoss
from tiered_st.losses.next_chunk import NextChunkLoss
from tiered_st.losses.next_sentence import NextSentenceLoss
from tiered_st.losses.reconstruction import ReconstructionLoss
from tiered_st.losses.relation_distillation import RelationDistillationLoss
from tiered_st.losses.relevance_distillation import RelevanceDistillationLoss
from tiered_st.losses.sentence_distillation import SentenceDistillationLoss
from tiered_st.losses.simcse import SimCSELoss
from tiered_st.losses.word_mimicry import WordMimicryLoss
from tiered_st.losses.word_recognition import WordRecognitionLoss

__all__ = [
    "BoundaryLoss",
    "CharCLMLoss",
    "CharMLMLoss",
    "ChunkIdentityLoss",
    "ChunkOrderLoss",
    "ClassificationLoss",
    "MaskedChunkLoss",
    "NextChunkLoss",
    "NextSentenceLoss",
    "ReconstructionLoss",
    "RelationDistillationLoss",
    "RelevanceDistillationLoss",
    "SentenceDistillationLoss",
    "SimCSELoss",
    "StopAtProjector",
    "WordMimicryLoss",
    "WordRecognitionLoss",
]
