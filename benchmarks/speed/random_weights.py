"""Architectures of others with random weights: how fast a model is does not depend on what it has learned."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    ByT5Tokenizer,
    CanineConfig,
    CanineModel,
    CanineTokenizer,
    PretrainedConfig,
    T5Config,
    T5EncoderModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from benchmarks.peers.minilm import minilm
from benchmarks.speed.pooled_encoder import PooledEncoder


def canine_s() -> PooledEncoder:
    """Build google/canine-s: characters, twelve layers of 768 on every fourth position."""
    return _pooled("canine-s", CanineModel, CanineConfig(), CanineTokenizer(), 2048)


def byt5_small() -> PooledEncoder:
    """Build the encoder of google/byt5-small: bytes, twelve layers of 1,472."""
    config = T5Config(
        vocab_size=384, d_model=1472, d_kv=64, d_ff=3584, num_layers=12, num_heads=6, feed_forward_proj="gated-gelu"
    )
    return _pooled("byt5-small", T5EncoderModel, config, ByT5Tokenizer(), 4096)


def xlm_r_base() -> PooledEncoder:
    """Build XLM-R base: twelve layers of 768 and a vocabulary of 250,002.

    Its vocabulary is not at hand without the hub: MiniLM's wordpieces, of about the same number per text, stand in.
    """
    config = XLMRobertaConfig(
        vocab_size=250_002, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
        max_position_embeddings=514, type_vocab_size=1, pad_token_id=1,
    )  # fmt: skip
    return _pooled("xlm-r-base", XLMRobertaModel, config, minilm().tokenizer, 512)


def _pooled(name: str, kind: Any, config: PretrainedConfig, tokenizer: Any, max_tokens: int) -> PooledEncoder:
    body: nn.Module = kind(config).eval()

    def run(ids: Tensor, mask: Tensor) -> Tensor:
        return body(input_ids=ids, attention_mask=mask).last_hidden_state

    return PooledEncoder(tokenizer, run, revision=f"random-{name}", max_tokens=max_tokens, body=body)


def seeded_build(build: Any) -> PooledEncoder:
    """Build with the same random weights every time, leaving torch's own sequence alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build()
