"""Run a saved model without torch: on numpy and ONNX Runtime alone.

In: the folder that ``model.save`` writes. Out: an encoder with the methods of a ``SentenceTransformer``. Way of a text:
``tiered_st.text`` → ``chunks`` (E1) → ``semantic`` (E2) → ``sentence_pooling``. E1 and E2 become ONNX graphs when a
model is loaded (``graph``), of the weights as they are stored: there is no second copy of a model.
"""

from tiered_st.runtime.encoder import RuntimeEncoder
from tiered_st.runtime.loading import load

__all__ = ["RuntimeEncoder", "load"]
