"""The model that ours is measured against: a Transformer over a wordpiece vocabulary, from the same data."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

from tiered_st.files import on_one_rank, replace_folder

_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True)
class SubwordConfig:
    """Describe a BERT-like encoder; sizes as in TieredConfig, whose E2 it mirrors.

    Args:
        vocabulary: wordpieces, learned from the recipe's texts; chosen so that both models are of one size.
        max_tokens: longest text in wordpieces.
    """

    vocabulary: int = 8_000
    d_sem: int = 384
    sem_layers: int = 6
    sem_heads: int = 8
    sem_ffn: int = 1536
    max_tokens: int = 128
    pooling: str = "mean"
    dropout: float = 0.1


def build_subword(
    config: SubwordConfig, texts: Iterable[str], folder: Path, *, device: str | None = None
) -> SentenceTransformer:
    """Learn a wordpiece vocabulary from ``texts`` and build an untrained model on it.

    Args:
        config: the architecture.
        texts: what the vocabulary is learned from.
        folder: where vocabulary and initial weights are kept, since sentence-transformers reads both from files.
        device: where to put the model.
    """

    def learn() -> None:
        with replace_folder(folder) as beside:
            _learn(config, texts, beside)

    on_one_rank(learn)
    return SentenceTransformer(
        modules=OrderedDict(  # type: ignore[arg-type]
            semantic_encoder=Transformer(str(folder), max_seq_length=config.max_tokens),
            pooling=Pooling(config.d_sem, pooling_mode=config.pooling),
            normalize=Normalize(),
        ),
        device=device,
    )


def _learn(config: SubwordConfig, texts: Iterable[str], folder: Path) -> None:
    """Write vocabulary and initial weights."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import BertConfig, BertModel, BertTokenizer

    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer = normalizers.BertNormalizer(lowercase=True)
    learner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=config.vocabulary, special_tokens=list(_SPECIALS), show_progress=False
    )
    learner.train_from_iterator(texts, trainer)
    pieces = learner.get_vocab()
    (folder / "vocab.txt").write_text("\n".join(sorted(pieces, key=pieces.__getitem__)) + "\n", encoding="utf-8")
    BertTokenizer(vocab=str(folder / "vocab.txt"), do_lower_case=True).save_pretrained(folder)
    bert = BertConfig(
        vocab_size=len(pieces),
        hidden_size=config.d_sem,
        num_hidden_layers=config.sem_layers,
        num_attention_heads=config.sem_heads,
        intermediate_size=config.sem_ffn,
        max_position_embeddings=config.max_tokens,
        hidden_dropout_prob=config.dropout,
        attention_probs_dropout_prob=config.dropout,
    )
    BertModel(bert, add_pooling_layer=False).save_pretrained(folder)
