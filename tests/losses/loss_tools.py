"""What the tests of losses share: batches, and which tiers a loss moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from conftest import TOY
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from torch import Tensor, nn
from transformers import BertConfig, BertModel, BertTokenizerFast

E1, PROJECTOR, E2, HEAD = "char_encoder", "chunk_projector", "semantic_encoder", "head"
D = TOY.d_sem


def unit(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows)


def columns(model: SentenceTransformer, *texts: list[str]) -> list[dict[str, Tensor]]:
    return [model[0].preprocess(column) for column in texts]


def moved(loss: nn.Module) -> set[str]:
    """Return the tiers of a loss's model that got a gradient, and whether a head of the loss's own did."""
    tiers = set()
    for name, parameter in loss.named_parameters():
        if parameter.grad is not None and parameter.grad.abs().sum() > 0:
            tiers.add(next((tier for tier in (E1, PROJECTOR, E2) if f".{tier}." in name), HEAD))
    return tiers


def targets(count: int) -> Tensor:
    return torch.randn(count, D, generator=torch.Generator().manual_seed(3))


class Wrapper(nn.Module):
    """Stand in for DistributedDataParallel."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, features: dict[str, Tensor]) -> Any:
        return self.module(features)


def make_subword(folder: Path) -> SentenceTransformer:
    """Build a subword model whose embeddings are as wide as the toy's; its padding id is 1."""
    pieces = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
    pieces += ["##" + piece for piece in pieces[5:]]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    config = BertConfig(
        vocab_size=len(pieces), hidden_size=D, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64, pad_token_id=1,
    )  # fmt: skip
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder / "bert")
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), do_lower_case=True).save_pretrained(folder / "bert")
    modules = [Transformer(str(folder / "bert")), Pooling(D, "mean"), Normalize()]
    return SentenceTransformer(modules=modules, device="cpu").eval()
