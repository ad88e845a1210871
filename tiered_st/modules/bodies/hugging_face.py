"""Any encoder of Hugging Face as the body of E2."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from tiered_st.config import KEPT_PADS
from tiered_st.modules.bodies.bert_inference import can_read, read_bert

# Settings by which a configuration can make transformers fetch or run code: a checkpoint has no say in these.
_CODE_SETTINGS = (
    "auto_map",
    "attn_implementation",
    "experts_implementation",
    "trust_remote_code",
    "quantization_config",
)
_ATTENTION = ("eager", "sdpa")


class HuggingFaceBody(nn.Module):
    """Any Hugging Face encoder, fed through ``inputs_embeds``; its vocabulary table is dropped.

    Args:
        settings: the encoder's ``config.to_dict()``.
        length: longest sequence it will be given.

    Raises:
        ValueError: if the settings are not those of a single encoder that transformers has built in, that reads vectors
            of its own width, and that has as many positions.
    """

    def __init__(self, settings: dict[str, Any], length: int = 0) -> None:
        super().__init__()
        from transformers import CONFIG_MAPPING, AutoModel

        self.length = length

        settings = {key: value for key, value in settings.items() if not key.startswith("_")}
        if risky := [key for key in _CODE_SETTINGS if settings.get(key) is not None]:
            raise ValueError(f"body sets {', '.join(risky)}, by which transformers may run foreign code: leave it out.")
        kind = settings.pop("model_type", None)
        if kind not in CONFIG_MAPPING:
            raise ValueError(f"body has model_type={kind!r}, which transformers does not have built in.")
        if any(isinstance(value, dict) and "model_type" in value for value in settings.values()):
            raise ValueError(f"body has model_type={kind!r}, made of several models: give a single encoder.")
        config = CONFIG_MAPPING[kind](**settings)
        _refuse_what_is_no_encoder(kind, config)
        pad = getattr(config, "pad_token_id", None)
        config.pad_token_id = pad if pad in KEPT_PADS else 0
        config.vocab_size = config.pad_token_id + 1  # the table cannot be left out, so it has a row or two, unused
        self.model = AutoModel.from_config(config)
        if getattr(self.model, "pooler", None) is not None:
            self.model.pooler = None
        self._refuse_what_does_not_fit(kind, length)

    def _refuse_what_does_not_fit(self, kind: str, length: int) -> None:
        """Refuse a body that reads vectors of another width than it writes, or has too few positions."""
        config = self.model.config
        width = self.model.get_input_embeddings().weight.shape[1]
        if width != config.hidden_size:
            raise ValueError(
                f"body has model_type={kind!r} that reads vectors of width {width}, but writes hidden_size="
                f"{config.hidden_size}: make embedding_size={config.hidden_size}, or give another encoder."
            )
        for name, table in self.model.named_modules():
            if name.endswith("position_embeddings") and isinstance(table, nn.Embedding):
                first = 0 if table.padding_idx is None else table.padding_idx + 1
                if table.num_embeddings - first < length:
                    raise ValueError(
                        f"max_chunks={length} exceeds the {table.num_embeddings - first} positions of the body: of "
                        f"max_position_embeddings={table.num_embeddings}, model_type={kind!r} leaves the first {first} "
                        "unused."
                    )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Transform chunk vectors (batch, chunks, d_sem) under a mask (batch, chunks)."""
        if 0 < self.length < x.shape[1]:
            raise ValueError(
                f"A text has {x.shape[1]} chunks, but this model reads {self.length} at most: give a max_length up to "
                "that, or use tiered_st.encode_long."
            )
        if can_read(self.model):
            return read_bert(self.model, x, mask)
        return self.model(inputs_embeds=x, attention_mask=mask).last_hidden_state

    def leaves_padding_out(self) -> bool:
        """Say whether a batch of texts of different lengths costs no more than the texts."""
        return can_read(self.model)

    def set_attention(self, implementation: str) -> None:
        """Compute attention by "eager" or "sdpa" from now on; not saved, since it moves no vector.

        Raises:
            ValueError: if it is another, for which this body's padded batches are not made.
        """
        if implementation not in _ATTENTION:
            raise ValueError(f"attn_implementation={implementation!r} is not one of {', '.join(_ATTENTION)}.")
        self.model.set_attn_implementation(implementation)

    def checkpoint_gradients(self, settings: dict[str, Any] | None, *, every: int = 1, offload: bool = False) -> None:
        """Run every n-th layer again in the backward pass instead of keeping what it computed; None ends that."""
        verb = "activation_checkpointing" if hasattr(self.model, "activation_checkpointing_enable") else None
        verb = verb or "gradient_checkpointing"  # as transformers called it before 5.20
        if settings is None:
            getattr(self.model, f"{verb}_disable")()
        else:
            more = {} if every == 1 and not offload else {"every_n_layers": every, "offload": offload}
            getattr(self.model, f"{verb}_enable")(settings, **more)


def _refuse_what_is_no_encoder(kind: str, config: Any) -> None:
    """Refuse what reads in one direction only, or consists of an encoder and a decoder."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    if getattr(config, "is_encoder_decoder", False):
        raise ValueError(f"body has model_type={kind!r}, an encoder with a decoder: give an encoder alone.")
    # Whoever can fill in a masked word reads on both sides of it.
    if kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES or getattr(config, "is_decoder", False):
        raise ValueError(
            f"body has model_type={kind!r}, which is no text encoder that reads in both directions: give one, such as "
            "bert, roberta, distilbert, mpnet or modernbert."
        )
