"""E1: the hashed n-grams by hand, and states that depend on a chunk's characters alone."""

from __future__ import annotations

import pytest
import torch
from conftest import TOY, stir
from torch import Tensor

from tiered_st.modules import row_sums
from tiered_st.modules.boundary_predictor import BoundaryPredictor
from tiered_st.modules.char_encoder import CharEncoder
from tiered_st.modules.hashed_ngrams import HashedNgrams
from tiered_st.modules.layers import TransformerLayer
from tiered_st.text import ChunkType
from tiered_st.text.tokenizer import END, PAD, START, CharTokenizer

TOKENIZER = CharTokenizer()
WHOLE = 0  # the place of START, where the whole chunk is hashed


def ids_of(word: str, width: int = 0) -> tuple[Tensor, Tensor]:
    """Return START, characters, END and PAD up to ``width``, (1, chars), and how many are not PAD, (1,)."""
    ids = [START, *TOKENIZER.encode(word).tolist(), END]
    return torch.tensor([ids + [PAD] * (width - len(ids))]), torch.tensor([len(ids)])


def rows_of(*words: str, width: int = 16) -> Tensor:
    """Return rows as TieredInput lays them: type, characters, PAD, (words, width)."""
    rows = torch.zeros(len(words), width, dtype=torch.int64)
    for row, word in zip(rows, words, strict=True):
        ids = [ChunkType.WORD, *TOKENIZER.encode(word).tolist()]
        row[: len(ids)] = torch.tensor(ids)
    return rows


def make_encoder(*, zero: bool = False, **changes: object) -> CharEncoder:
    torch.manual_seed(0)
    encoder = CharEncoder(TOY.replace(**changes)).eval()
    if not zero:
        stir(encoder, scale=0.3)
    return encoder


# hashed n-grams

_64 = (1 << 64) - 1
_BASE, _MIX_1, _MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def bucket(ids: list[int], start: int, buckets: int) -> int:
    """Hash ``ids`` in plain Python: a polynomial modulo 2**64, SplitMix64's finaliser, the rest by ``buckets``."""
    h = start + sum(value * pow(_BASE, k, 1 << 64) for k, value in enumerate(ids)) & _64
    h = (h ^ h >> 30) * _MIX_1 & _64
    h = (h ^ h >> 27) * _MIX_2 & _64
    h ^= h >> 31
    return 1 + (h & _64 >> 1) % buckets


@pytest.mark.parametrize("word", ["hello", "a", "ж", "hel!o", "x" * 31])
def test_buckets_are_those_of_saved_models(word: str) -> None:
    """A trained table is worthless under another hash."""
    ngrams = HashedNgrams(TOY)
    ids, lengths = ids_of(word)
    plain, n = ids[0].tolist(), int(lengths)
    expected = []
    for at in range(n):
        grams = [
            bucket(plain[at : at + size], size * _MIX_1, TOY.ngram_buckets) if at + size <= n else 0
            for size in TOY.ngram_sizes
        ]
        left_out = plain if at == WHOLE else plain[:at] + plain[at + 1 :]
        expected.append([*grams, bucket(left_out, 0, TOY.ngram_buckets) if at < n - 1 else 0])
    assert ngrams.bucket_ids(ids, lengths)[0].tolist() == expected


def left_out(word: str, buckets: int = 1 << 40) -> list[int]:
    """Return the leave-one-out bucket at each place; so many buckets that chance collisions do not happen."""
    ngrams = HashedNgrams(TOY)
    ngrams.buckets = buckets
    return ngrams.bucket_ids(*ids_of(word))[0, :, -1].tolist()


@pytest.mark.parametrize(
    ("typo", "word", "place"),
    [("helo", "hello", 3), ("helo", "hello", 4), ("ello", "hello", 1), ("hell", "hello", 5), ("teh", "teeh", 2)],
)
def test_a_word_that_lost_a_letter_is_what_the_word_leaves_without_it(typo: str, word: str, place: int) -> None:
    assert left_out(typo)[WHOLE] == left_out(word)[place]


@pytest.mark.parametrize(
    ("typo", "word", "place"), [("hellp", "hello", 5), ("jello", "hello", 1), ("heplo", "hello", 3)]
)
def test_a_substitution_leaves_what_the_word_leaves(typo: str, word: str, place: int) -> None:
    assert left_out(typo)[place] == left_out(word)[place]


def test_swapped_neighbours_share_two_features() -> None:
    assert len(set(left_out("hlelo")) & set(left_out("hello")) - {0}) >= 2


def test_words_far_apart_share_no_feature() -> None:
    assert set(left_out("hello")) & set(left_out("world")) == {0}
    assert left_out("hello")[WHOLE] not in left_out("olleh")  # order counts


@pytest.mark.parametrize("width", [8, 12, 33])
def test_padding_does_not_change_buckets(width: int) -> None:
    ngrams = HashedNgrams(TOY)
    tight = ngrams.bucket_ids(*ids_of("hello"))
    wide = ngrams.bucket_ids(*ids_of("hello", width))
    assert torch.equal(wide[:, :7], tight)
    assert not wide[:, 7:].any()


def test_features_by_settings() -> None:
    assert HashedNgrams(TOY).bucket_ids(*ids_of("hello")).shape == (1, 7, 5)
    plain = HashedNgrams(TOY.replace(leave_one_out=False, ngram_sizes=(3,)))
    buckets = plain.bucket_ids(*ids_of("a"))
    assert buckets.shape == (1, 3, 1)
    assert (buckets[0, :, 0] > 0).tolist() == [True, False, False]  # one trigram: START a END
    assert not HashedNgrams(TOY.replace(ngram_sizes=(5,), leave_one_out=False)).bucket_ids(*ids_of("a")).any()


@pytest.mark.parametrize("width", [0, 8])
def test_no_feature_is_the_zero_vector(width: int) -> None:
    ngrams = HashedNgrams(TOY.replace(ngram_width=width))
    vectors = ngrams(*ids_of("a", width=9))
    assert vectors.shape == (1, 9, TOY.d_char)
    assert not vectors[0, 2:].any() and vectors[0, 0].any()


def test_a_narrow_table_is_widened_by_one_matrix() -> None:
    ngrams = HashedNgrams(TOY.replace(ngram_width=8))
    assert ngrams.table.weight.shape == (1 + TOY.ngram_buckets, 8)
    assert {name: tuple(p.shape) for name, p in ngrams.widen.named_parameters()} == {"weight": (TOY.d_char, 8)}
    rows = ngrams.table.weight[ngrams.bucket_ids(*ids_of("hello"))]  # (1, 7, features, 8)
    expected = rows.sum(dim=2) @ ngrams.widen.weight.T
    torch.testing.assert_close(ngrams(*ids_of("hello")), expected, atol=1e-6, rtol=1e-5)
    assert set(dict(HashedNgrams(TOY).named_parameters())) == {"table.weight"}  # as in saved models


# states


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"ngram_buckets": 0},
        {"ngram_width": 8},
        {"char_positions": "none"},
        {"char_positions": "alibi"},
        {"char_layers": 0},
        {"char_mixer": "convolution"},
        {"char_span": "text"},
        {"char_span": "causal"},
    ],
)
def test_states_and_mask(setting: dict[str, object]) -> None:
    states, mask = make_encoder(**setting)(rows_of("hello", "a", width=8))
    assert states.shape == (2, 9, TOY.d_char) and torch.isfinite(states).all()
    assert mask.sum(dim=1).tolist() == [7, 3]  # START and END included


WAYS = [{}, {"char_positions": "alibi"}, {"char_mixer": "convolution"}, {"char_span": "text"}, {"char_span": "causal"}]


@pytest.mark.parametrize("setting", WAYS)
def test_padding_width_does_not_change_states(setting: dict[str, object]) -> None:
    encoder = make_encoder(**setting)
    narrow, _ = encoder(rows_of("hello", width=6))
    wide, _ = encoder(rows_of("hello", width=32))
    torch.testing.assert_close(wide[:, :7], narrow, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("setting", WAYS)
def test_a_chunk_does_not_see_its_neighbours(setting: dict[str, object]) -> None:
    encoder = make_encoder(**setting)
    together, _ = encoder(rows_of("hello", "世界", "a"))
    for i, word in enumerate(("hello", "世界", "a")):
        torch.testing.assert_close(encoder(rows_of(word))[0][0], together[i], atol=1e-6, rtol=1e-5)


def test_the_type_of_a_chunk_is_not_e1s_business() -> None:
    encoder, rows = make_encoder(), rows_of("hello")
    capital = rows.clone()
    capital[:, 0] = ChunkType.CAPITALISED
    assert torch.equal(encoder(rows)[0], encoder(capital)[0])


@pytest.mark.parametrize(("positions", "ordered"), [("rotary", True), ("alibi", True), ("none", False)])
def test_only_positions_tell_the_order_where_there_are_no_ngrams(positions: str, ordered: bool) -> None:
    encoder = make_encoder(ngram_buckets=0, char_positions=positions)
    end = encoder(rows_of("abc", "cab"))[0][:, 4]
    assert torch.allclose(end[0], end[1], atol=1e-5) != ordered


@pytest.mark.parametrize("setting", WAYS)
def test_the_layers_start_as_the_identity(setting: dict[str, object]) -> None:
    with_layers, without = make_encoder(zero=True, **setting), make_encoder(zero=True, char_layers=0)
    without.load_state_dict(with_layers.state_dict(), strict=False)
    states, mask = with_layers(rows_of("hello", "a"))
    torch.testing.assert_close(states[mask], without(rows_of("hello", "a"))[0][mask])


def test_skipping_frozen_identity_layers_equals_running_them(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, rows = make_encoder(zero=True), rows_of("hello", "a")
    calls: list[int] = []
    forward = TransformerLayer.forward
    monkeypatch.setattr(TransformerLayer, "forward", lambda *a, **k: (calls.append(1), forward(*a, **k))[1])
    ran, _ = encoder(rows)
    assert len(calls) == TOY.char_layers  # they learn, so they run
    encoder.layers.requires_grad_(False)
    skipped, _ = encoder(rows)
    assert len(calls) == TOY.char_layers
    torch.testing.assert_close(skipped, ran, atol=0, rtol=0)


def test_frozen_layers_that_do_something_are_not_skipped() -> None:
    encoder, rows = make_encoder(), rows_of("hello")
    learning, _ = encoder(rows)
    encoder.requires_grad_(False)
    assert torch.equal(encoder(rows)[0], learning)
    assert not torch.allclose(make_encoder(zero=True)(rows)[0], learning)


def test_gradients_reach_zero_initialised_layers() -> None:
    encoder = make_encoder(zero=True)
    encoder(rows_of("hello"))[0].square().mul(torch.arange(TOY.d_char)).sum().backward()
    assert encoder.layers[0].ffn_out.weight.grad.abs().sum() > 0
    assert not encoder.embedding.weight.grad[PAD].any()


def test_where_a_device_has_no_embedding_bag_rows_are_summed_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> tuple[torch.Tensor, list[torch.Tensor]]:
        torch.manual_seed(0)
        modules = (CharEncoder(TOY), BoundaryPredictor(TOY.replace(chunker="learned")))
        rows = torch.tensor([[5, 70, 71, 72, 0], [5, 70, 0, 0, 0]])
        out = torch.cat([modules[0](rows)[0].flatten(), modules[1](rows, torch.zeros_like(rows)).flatten()])
        out.square().sum().backward()
        return out.detach(), [p.grad for m in modules for p in m.parameters() if p.grad is not None]

    def missing(*args: object, **kwargs: object) -> None:
        raise NotImplementedError("aten::_embedding_bag")

    expected, gradients = run()
    monkeypatch.setattr(row_sums, "_HAVE_BAGS", ())  # as on MPS
    monkeypatch.setattr(torch, "embedding_bag", missing)
    out, own = run()
    torch.testing.assert_close(out, expected, atol=1e-6, rtol=1e-5)
    for gradient, wanted in zip(own, gradients, strict=True):
        torch.testing.assert_close(gradient, wanted, atol=1e-5, rtol=1e-4)
