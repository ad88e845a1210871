"""Load a saved model to run without torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tiered_st.config import TieredConfig
from tiered_st.runtime.chunks import ChunkVectors
from tiered_st.runtime.encoder import RuntimeEncoder
from tiered_st.runtime.graph import check_providers
from tiered_st.runtime.options import at_least_one
from tiered_st.runtime.semantic import SemanticEncoder
from tiered_st.runtime.semantic.products import PRODUCTS
from tiered_st.runtime.sentence_pooling import SentencePooling
from tiered_st.saved.hub import find
from tiered_st.saved.model_folder import DEFAULT_MODEL, ModuleRow, missing_files
from tiered_st.saved.saved_model import SavedModel
from tiered_st.saved.saved_weights import COMPUTED, read_stored
from tiered_st.text import TextReader, make_chunker
from tiered_st.text.tokenizer import CharTokenizer

_ORDER = ["TieredInput", "SemanticEncoder", "Pooling", "Normalize"]
_EMBEDDING = "sentence_embedding"
Made = TypeVar("Made")
# What the config.json of each of our modules may hold.
_KEYS = {
    "TieredInput": {
        "config",
        "storage",
        "dtype",
        "max_seq_length",
        "encoder",
        "table",
        "learned_words",
        "lexicon",
        "spelling",
        "spelling_context",
    },
    "SemanticEncoder": {"config", "storage", "dtype"},
}


def load(
    path: str | Path = DEFAULT_MODEL,
    *,
    threads: int | None = None,
    providers: Sequence[str] | None = None,
    precision: str | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_folder: str | Path | None = None,
    local_files_only: bool = False,
) -> RuntimeEncoder:
    """Load what ``model.save`` wrote, to run on numpy and ONNX Runtime alone.

    Args:
        path: a shipped model, a folder, or a model on the hub, as for :func:`tiered_st.load`.
        threads: that one call may take; by default one per core. A server of many threads wants 1.
        providers: ONNX Runtime's execution providers for E2; by default the CPU.
        precision: what E2 computes in: "int8", the very integers of a model that is stored so, or "float32". By
            default "int8" for such a model, and "float32" for others. Of E1, "int8" rounds the shares and slots of the
            memory, 32 at a time, where ONNX Runtime can (1.22 or newer).
        revision: of a model on the hub, as for :func:`tiered_st.load`.
        token: for a model on the hub that is private.
        cache_folder: where files from the hub are kept.
        local_files_only: whether to take what is cached and ask nobody.

    Raises:
        ValueError: if a file is missing or damaged, or the model has a part that the runtime does not run; the text
            names file and cure.
    """
    found = find(
        path, revision=revision, token=token, cache_folder=cache_folder, local_files_only=local_files_only
    )  # fmt: skip
    if threads is not None:
        at_least_one("threads", threads)
    if precision is not None and precision not in PRODUCTS:
        raise ValueError(f"precision={precision!r} is not one of {', '.join(PRODUCTS)}.")
    check_providers(providers)
    try:
        return _load(found.folder, found.name, threads, providers, precision)
    except ValueError as error:
        raise found.cured(error) from None


def _load(
    folder: Path, name: str, threads: int | None, providers: Sequence[str] | None, precision: str | None
) -> RuntimeEncoder:
    saved = SavedModel(folder, name=name)
    if missing := missing_files(saved.folder, saved.rows):
        raise ValueError(f"{saved.folder} lacks {', '.join(missing)}: copy or download it again.")
    modules, file = saved.module_settings(), saved.folder / "modules.json"
    try:
        check_order(modules)
        file = saved.folder / saved.rows[2].subfolder / "config.json"
        pooling = pooling_of(modules)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    _refuse_other_widths(saved, modules[2]["embedding_dimension"])
    for row in saved.rows[:2]:
        _check_content(saved, row)
    if precision is None:
        precision = "int8" if saved.content_of(saved.rows[1]).get("storage") == "int8" else "float32"
    tiers, reader = _tiers(saved, threads, precision)
    semantic = _semantic(saved, precision, threads, providers)
    again = partial(_load, folder.absolute(), name, threads, providers, precision)
    return RuntimeEncoder(saved, reader, tiers, semantic, pooling, precision=precision, again=again)


def _tiers(saved: SavedModel, threads: int | None, precision: str) -> tuple[ChunkVectors, TextReader]:
    row = saved.rows[0]
    content, config = saved.content_of(row), saved.config_of(row)

    def make(tensors: Any) -> tuple[ChunkVectors, TextReader]:
        chunks = ChunkVectors(
            config, tensors, encoder=content.get("encoder", "float"), table=content.get("table"),
            learned_words=content.get("learned_words"), lexicon=content.get("lexicon"),
            spelling=content.get("spelling"), spelling_context=content.get("spelling_context"), threads=threads,
            precision=precision,
        )  # fmt: skip
        characters = CharTokenizer.of(config)
        chunker = make_chunker(config, characters, chunks.boundaries)
        reader = TextReader(config, characters, chunker, limit=content.get("max_seq_length")).spaced_by(chunks.lexicon)
        reader.keep_whole([] if chunks.words is None else chunks.words.rows)
        return chunks, reader

    return _made_of(saved.folder / "model.safetensors", make)


def _semantic(
    saved: SavedModel, precision: str, threads: int | None, providers: Sequence[str] | None
) -> SemanticEncoder:
    row = saved.rows[1]
    config = saved.config_of(row)
    make = partial(SemanticEncoder, config, precision=precision, threads=threads, providers=providers)
    return _made_of(saved.folder / row.subfolder / "model.safetensors", make)


def _made_of(path: Path, make: Callable[[Any], Made]) -> Made:
    """Return what is made of the tensors of a file, which an error names."""
    tensors = read_stored(path)
    try:
        return make(tensors)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} and config.json beside it cannot be run: {error}") from None


def _check_content(saved: SavedModel, row: ModuleRow) -> None:
    """Refuse what a later version may have written, and this one would not heed."""
    content = saved.content_of(row)
    path = saved.folder / row.subfolder / "config.json"
    if unknown := sorted(set(content) - _KEYS[row.kind]):
        raise ValueError(
            f"{path} has an unknown {', '.join(unknown)}: the model was saved by a newer tiered-st, upgrade with "
            "`pip install -U tiered-st`."
        )
    if (dtype := content.get("dtype", "float32")) not in COMPUTED:
        raise ValueError(f"{path}: dtype={dtype!r} is not one of {', '.join(COMPUTED)}.")


def check_order(modules: list[dict[str, Any]]) -> None:
    """Refuse other modules than the runtime runs, another order, and a Normalize of something else.

    Args:
        modules: each module's kind and settings, as a fingerprint counts them.

    Raises:
        ValueError: if there are any.
    """
    kinds = [module["kind"] for module in modules]
    if kinds not in (_ORDER, _ORDER[:3]):
        raise ValueError(
            f"The model consists of {', '.join(kinds)}, and the runtime runs {', '.join(_ORDER)}, the last of which "
            "may be missing. tiered_st.load runs it by torch."
        )
    for module in modules[3:]:
        names = module["module_input_name"], module["module_output_name"] or module["module_input_name"]
        if names != (_EMBEDDING, _EMBEDDING):
            raise ValueError(f"Normalize reads {names[0]} and writes {names[1]}: the runtime has {_EMBEDDING} alone.")


def pooling_of(modules: list[dict[str, Any]]) -> SentencePooling:
    """Return what makes one vector of a text's states.

    Args:
        modules: each module's kind and settings, of such as :func:`check_order` lets through.

    Raises:
        ValueError: if it pools as the runtime does not.
    """
    return SentencePooling(
        modules[2]["pooling_mode"], include_prompt=modules[2]["include_prompt"],
        pool_marks=modules[1].get("pool_marks", TieredConfig.pool_marks), normalize=len(modules) > 3,
    )  # fmt: skip


def _refuse_other_widths(saved: SavedModel, pooled: int) -> None:
    """Refuse modules of two models."""
    first, second = (saved.config_of(row) for row in saved.rows[:2])
    if second.peek and not first.peek:
        raise ValueError(f"{saved.folder} has a SemanticEncoder with peek=True, and a TieredInput without it.")
    for what, width in (("chunk vectors", first.d_sem), ("a Pooling", pooled)):
        if width != second.d_sem:
            raise ValueError(
                f"{saved.folder} has {what} of {width} dimensions and a SemanticEncoder of {second.d_sem}: its modules "
                "are not of one model. Copy or download it again."
            )
