"""Describe a model, which is read and not loaded, an index, or a folder of embeddings: `tiered-st info`."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from tiered_st.files import standing
from tiered_st.fingerprint import model_fingerprint
from tiered_st.indexes import DiskIndex
from tiered_st.indexes.disk.layout import is_disk_index
from tiered_st.indexes.index_files import read_index_dir
from tiered_st.records.rows import InputError
from tiered_st.records.urls import is_url
from tiered_st.saved.hub import find
from tiered_st.saved.model_folder import DEFAULT_MODEL, PRETRAINED, pretrained
from tiered_st.saved.saved_model import SavedModel
from tiered_st.scale.embeddings import Embeddings
from tiered_st.scale.manifest import MANIFEST

# The parts of a TieredInput in the order in which a text passes them; a table is no parameter.
_PARTS = ("boundary_predictor", "char_encoder", "chunk_projector")


def info(args: Namespace) -> int:
    """Print what there is to know about a model, an index, embeddings, or the shipped models."""
    try:
        if args.target is None:
            facts = [_shipped(name) for name in pretrained()]
        elif (standing(args.target) / "meta.json").is_file():
            facts = [describe_index(Path(args.target))]
        elif is_url(args.target) or (Path(args.target) / MANIFEST).is_file():
            facts = [describe_embeddings(args.target)]
        else:
            facts = [describe_model(args.target)]
    except (ValueError, ImportError, OSError) as error:
        raise InputError(str(error)) from error
    if args.json:
        for row in facts:
            print(json.dumps(row))
    elif args.target is None:
        print("\n".join(_shipped_line(row) for row in facts) or "No model ships with this installation.")
    else:
        print(_as_text(facts[0]))
    return 0


def describe_model(name: str) -> dict[str, Any]:
    """Return the facts of a model by name or folder, as JSON-ready types."""
    found = find(name)
    try:
        saved = SavedModel(found.folder)
        counts = _parameters(saved)
        total = sum(counts.values())
        opens, config = saved.content_of(saved.rows[0]), saved.config_of(saved.rows[0])
        return {
            "model": found.name if found.commit else name,
            **({"commit": found.commit} if found.commit else {}),
            "folder": str(found.folder),
            "fingerprint": model_fingerprint(saved),
            "dimension": saved.get_embedding_dimension(),
            "parameters": total,
            "tiers": {part: {"parameters": n, "share": round(n / max(total, 1), 4)} for part, n in counts.items()},
            "max_chunks": opens.get("max_seq_length") or config.max_chunks,
            "chunk_chars": config.chunk_chars,
            "storage": opens.get("storage", "float32"),
            "without_torch": _without_torch(saved),
            "bytes_on_disk": _size(found.folder),
        }
    except ValueError as error:
        raise found.cured(error) from None


def describe_index(folder: Path) -> dict[str, Any]:
    """Return the facts of an index, whose checksums are verified on the way; of one on disk, the sizes of its files."""
    if is_disk_index(standing(folder)):
        return {"index": str(folder), **DiskIndex.load(folder).info()}
    _, records, meta = read_index_dir(folder)
    return {
        "index": str(folder),
        "count": len(records),
        "dimension": meta["dimension"],
        "model": meta["model_name"],
        "fingerprint": meta["model_fingerprint"],
        **({"learned_words": len(meta["learned_words"])} if meta.get("learned_words") else {}),
        "bytes_on_disk": _size(standing(folder)),
    }


def describe_embeddings(folder: str) -> dict[str, Any]:
    """Return the facts of a folder of embeddings; of a complete one, checksums are verified on the way."""
    found = Embeddings(folder, allow_incomplete=True)
    found.verify()
    return {
        "embeddings": found.folder,
        "complete": found.meta["complete"],
        "count": found.count,
        "rejected": found.rejected,
        "dimension": found.dimension,
        "dtype": found.dtype,
        "parts": len(found.parts),
        "model": found.model_name,
        "fingerprint": found.model_fingerprint,
        **({} if is_url(folder) else {"bytes_on_disk": _size(Path(folder))}),
    }


def _shipped(name: str) -> dict[str, Any]:
    return {"model": name, "default": name == DEFAULT_MODEL, "bytes_on_disk": _size(PRETRAINED / name)}


def _shipped_line(row: dict[str, Any]) -> str:
    return f"{row['model']:<16} {_megabytes(row['bytes_on_disk']):>10}{'   (default)' if row['default'] else ''}"


def _parameters(saved: SavedModel) -> dict[str, int]:
    """Count the parameters of E1, the chunk projector and E2."""
    counts = dict.fromkeys(_PARTS, 0)
    tiers = saved.rows[0].name
    for name, value in saved.named_weights().items():
        module, _, rest = name.partition(".")
        part = rest.partition(".")[0] if module == tiers else module
        counts[part] = counts.get(part, 0) + value.size
    for part in ("table", "lexicon"):
        counts.pop(part, None)
    return {part: count for part, count in counts.items() if count}


def _as_text(facts: dict[str, Any]) -> str:
    rows: list[tuple[str, str]] = []
    for key, value in facts.items():
        if key == "tiers":
            rows += [(f"  {part}", f"{tier['parameters']:>12,}  {tier['share']:6.1%}") for part, tier in value.items()]
        elif key in ("config", "recall"):
            rows += [(f"  {name}" if key == "config" else name, _figure(number)) for name, number in value.items()]
        elif key == "bytes_on_disk":
            rows.append(("on disk", _megabytes(value)))
        elif key in ("without_torch", "learned_words"):
            rows.append((key.replace("_", " "), _figure(value)))
        elif key == "max_chunks":
            rows.append(("longest text", f"{value} chunks (about words), two of them marks"))
        elif key == "chunk_chars":
            rows.append(("longest chunk", f"{value} character ids, its type included; longer words are cut up"))
        elif key == "parameters":
            rows.append((key, f"{value:>12,}"))
        else:
            rows.append((key, _figure(value)))
    width = max(len(label) for label, _ in rows)
    return "\n".join(f"{label:<{width}}  {value}" for label, value in rows)


def _figure(value: Any) -> str:
    number = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:,}" if number else str(value)


def _without_torch(saved: SavedModel) -> str:
    """Return "yes", or what of the model the runtime does not run."""
    try:
        from tiered_st.runtime.loading import check_order, pooling_of
        from tiered_st.runtime.semantic.semantic_encoder import body_of

        check_order(saved.module_settings())
        pooling_of(saved.module_settings())
        body_of(saved.config_of(saved.rows[1]))
    except ValueError as error:
        return f"no: {error}"
    except ImportError as error:
        return f"not known: {error}"
    return "yes"


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
