"""A configuration is checked when it is made, and survives JSON."""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import Any

import pytest
from conftest import BERT_BODY, TOY

from tiered_st.config import (
    PRESETS,
    CharacterConfig,
    CharEncoderConfig,
    ChunkConfig,
    EmbeddingConfig,
    ProjectorConfig,
    SemanticConfig,
    TieredConfig,
)
from tiered_st.modules.char_encoder import CharEncoder
from tiered_st.modules.chunk_projector import ChunkProjector

SECTIONS = (CharacterConfig, ChunkConfig, CharEncoderConfig, ProjectorConfig, SemanticConfig, EmbeddingConfig)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"d_char": 100, "char_heads": 8}, ("d_char=100", "char_heads=16")),
        ({"d_sem": 100, "sem_heads": 8}, ("d_sem=100", "sem_heads=16")),
        ({"body": BERT_BODY, "d_sem": 64}, ("hidden_size=32", "d_sem=64")),
        ({"body": BERT_BODY, "d_sem": 32, "max_chunks": 65}, ("max_chunks=65", "64 positions")),
        ({"body": {"model_type": "bert"}}, ("hidden_size=None", "d_sem=384")),
        ({"body": {"model_type": "distilbert", "dim": 32}}, ("hidden_size=32", "d_sem=384")),
        ({"normalization": "NFD"}, ("normalization='NFD'", "'NFKC'", "None")),
        ({"char_positions": "absolute"}, ("char_positions='absolute'", "'rotary'")),
        ({"pooling": "median"}, ("pooling='median'", "'mean'", "'cls'")),
        ({"chunk_chars": 7}, ("chunk_chars=7", "at least 8")),
        ({"max_chunks": 2}, ("max_chunks=2", "at least 3")),
        ({"ngram_sizes": (1, 3)}, ("ngram_sizes=(1, 3)", "at least 2")),
        ({"chunker": "bytes"}, ("chunker='bytes'", "'learned'")),
        ({"projector_pooling": "median"}, ("projector_pooling='median'", "'attention'")),
        ({"segments": -1}, ("segments=-1", "0 switches it off")),
        ({"chunker": "windows", "window": 40}, ("window=40", "chunk_chars=32", "chunk_chars=41")),
        ({"chunker": "windows", "window": 20, "stride": 21}, ("stride=21", "window=20")),
        ({"char_mixer": "convolution", "char_span": "causal"}, ("char_span='causal'", "char_mixer='convolution'")),
        ({"char_kernel": 0}, ("char_kernel=0", "at least 1")),
        ({"char_mixer": "convolution", "char_kernel": 4}, ("char_kernel=4", "char_mixer='convolution'")),
        ({"ngram_width": 32, "ngram_buckets": 0}, ("ngram_width=32", "ngram_buckets=0")),
        ({"own_letters": "ñ"}, ("own_letters='ñ'", "fold_accents=False")),
        ({"own_letters": "ñ", "fold_accents": True, "normalization": None}, ("own_letters='ñ'", "normalization=None")),
        ({"own_letters": "nñ", "fold_accents": True}, ("own_letters='nñ'", "'n' is no")),
        ({"own_letters": "Ñ", "fold_accents": True}, ("'Ñ' is no small",)),
        ({"own_letters": "й", "fold_accents": True}, ("'й' is no",)),
        ({"decimal_commas": True, "chunker": "windows", "window": 20, "stride": 20}, ("decimal_commas", "'windows'")),
        ({"split_hashtags": True, "chunker": "learned"}, ("split_hashtags", "chunker='learned'")),
        ({"pool_marks": False, "pooling": "max"}, ("pool_marks=False", "pooling='max'")),
        (
            {"body": BERT_BODY, "d_sem": 32, "max_chunks": 64, "sem_positions": "alibi"},
            ("sem_positions='alibi'", "body"),
        ),
    ],
)
def test_a_refusal_names_the_settings_at_odds(settings: dict[str, Any], named: tuple[str, ...]) -> None:
    with pytest.raises(ValueError) as refusal:
        TieredConfig(**settings)
    assert all(part in str(refusal.value) for part in named), str(refusal.value)


@pytest.mark.parametrize(
    "settings",
    [{"chunk_chars": 8}, {"max_chunks": 3}, {"ngram_sizes": (2,)}, {"ngram_sizes": ()}, {"normalization": None},
     {"chunker": "windows", "window": 31, "stride": 31}, {"chunker": "windows", "window": 9, "stride": 1},
     {"ngram_buckets": 0}, {"cache_size": 0}, {"char_layers": 0}, {"projector_hidden": 0}],
)  # fmt: skip
def test_values_at_the_edge_pass(settings: dict[str, Any]) -> None:
    config = TieredConfig(**settings)
    assert {name: getattr(config, name) for name in settings} == settings


@pytest.mark.parametrize(
    "config", [*PRESETS.values(), TOY.replace(body=BERT_BODY, normalization=None, ngram_sizes=(2, 7))]
)
def test_a_configuration_survives_json(config: TieredConfig) -> None:
    assert TieredConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_from_dict_names_unknown_keys_and_the_cure() -> None:
    with pytest.raises(ValueError, match=r"gate, moe.*pip install -U tiered-st"):
        TieredConfig.from_dict(TOY.to_dict() | {"moe": 1, "gate": True})


def test_keys_left_out_take_their_defaults() -> None:
    assert TieredConfig.from_dict({"d_char": 64}) == TieredConfig(d_char=64)


def test_a_list_of_sizes_becomes_a_tuple() -> None:
    assert TieredConfig(ngram_sizes=[3, 4]).ngram_sizes == (3, 4)  # type: ignore[arg-type]


def test_own_letters_are_a_set_whatever_their_order() -> None:
    config = TieredConfig(fold_accents=True, own_letters="üñü")
    assert config.own_letters == "ñü" and config == TieredConfig(fold_accents=True, own_letters="ñü")
    assert config.vector_settings() == {"fold_accents": True, "own_letters": "ñü"}


def test_frozen_and_replace_checks_again() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TOY.d_sem = 64  # type: ignore[misc]
    assert TOY.replace(d_sem=64).d_sem == 64 and TOY.d_sem == 32
    with pytest.raises(ValueError, match="d_sem=33"):
        TOY.replace(d_sem=33)


def test_the_names_of_settings_are_the_on_disk_format() -> None:
    """Removing or renaming one makes every saved model unreadable: add new ones with a default instead."""
    assert {
        "normalization", "lowercase", "chunk_chars", "max_chunks", "d_char", "char_layers", "char_heads", "char_ffn",
        "char_positions", "ngram_sizes", "ngram_buckets", "leave_one_out", "projector_hidden", "d_sem", "sem_layers",
        "sem_heads", "sem_ffn", "body", "pooling", "dropout", "cache_size",
    } <= set(TieredConfig().to_dict())  # fmt: skip


@pytest.mark.parametrize(
    ("section", "settings", "named"),
    [
        (CharacterConfig, {"normalization": "NFD"}, "normalization='NFD'"),
        (ChunkConfig, {"chunker": "windows", "window": 40}, "window=40 does not fit chunk_chars=32"),
        (CharEncoderConfig, {"d_char": 100, "char_heads": 8}, "d_char=100"),
        (ProjectorConfig, {"memory_values": 8}, "memory_values=8"),
        (SemanticConfig, {"body": {"hidden_size": 8}}, "hidden_size=8"),
        (EmbeddingConfig, {"pooling": "max", "pool_marks": False}, "pool_marks=False"),
    ],
)
def test_each_section_checks_itself(section: type, settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        section(**settings)


def test_a_section_has_what_lies_before_it_and_nothing_behind() -> None:
    names = [[field.name for field in dataclasses.fields(section)] for section in (*SECTIONS, TieredConfig)]
    assert all(more[: len(fewer)] == fewer and more != fewer for fewer, more in itertools.pairwise(names))
    assert names[-1] == list(TieredConfig().to_dict()) and isinstance(TOY, SECTIONS)
    assert not hasattr(CharEncoderConfig(), "d_sem") and not hasattr(ProjectorConfig(), "sem_layers")


def test_a_module_is_built_from_its_section_alone() -> None:
    section = ProjectorConfig(**{field.name: getattr(TOY, field.name) for field in dataclasses.fields(ProjectorConfig)})
    for kind in (CharEncoder, ChunkProjector):
        alone, whole = (kind(config).state_dict() for config in (section, TOY))
        assert {name: value.shape for name, value in alone.items()} == {n: v.shape for n, v in whole.items()}


def test_the_size_of_the_cache_is_kept_but_tells_no_architectures_apart() -> None:
    config = TOY.replace(cache_size=7)
    assert config == TOY and config.cache_size == 7 == TieredConfig.from_dict(config.to_dict()).cache_size
    assert "cache_size" not in config.vector_settings()
