"""Keep E1 in 8-bit integers."""

from __future__ import annotations

from sentence_transformers import SentenceTransformer

from tiered_st.modules.tiers_of import tiers_of


def quantize_char_encoder(model: SentenceTransformer) -> SentenceTransformer:
    """Keep the weights of E1 and the chunk projector of ``model`` in int8, in place.

    Their n-gram table and Linears become 8-bit integers with a scale per row: about a quarter of the memory. They are
    floating point only while they are used, so that a CPU without integer instructions is not slowed down by them.
    Nothing can be learned through E1 from then on; E2
    stays as it is, and may be trained. ``model.save`` keeps the integers, and loading gives the int8 model again.

    This rounds what the model computes with. To shrink only the file, see :func:`tiered_st.set_storage`.

    Returns:
        The same model.

    Raises:
        ValueError: if its first module is no TieredInput, or E1 was dropped.
    """
    tiers = tiers_of(model)
    if tiers.encoder == "none":
        raise ValueError("This model's E1 was dropped by tabulate(keep_encoder=False): there is nothing to quantise.")
    tiers.set_encoder("int8")
    return model
