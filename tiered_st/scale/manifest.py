"""What a folder of embeddings says of itself: manifest.json, read and checked."""

from __future__ import annotations

import json
from typing import Any

from tiered_st.scale.place import Place

FORMAT, FORMAT_VERSION = "tiered_st.embeddings", 1
MANIFEST, PARTS, UNITS, REJECTED = "manifest.json", "parts", "units", "rejected.jsonl"
DTYPES = ("float32", "float16", "int8")
_TYPES: dict[str, type] = {
    "complete": bool, "model_name": str, "model_fingerprint": str, "dimension": int, "dtype": str, "settings": dict,
    "sources": list, "count": int, "rejected": int, "parts": list,
}  # fmt: skip


class EmbeddingsError(ValueError):
    """A folder of embeddings is missing, damaged, foreign, incomplete, or was made of other things than are given."""


def read_manifest(place: Place) -> dict[str, Any]:
    """Return the manifest of a folder of embeddings.

    Raises:
        EmbeddingsError: If there is none, or it is damaged or of another format; the text names the file.
    """
    file = place.path(MANIFEST)
    try:
        meta = json.loads(place.read(MANIFEST))
    except FileNotFoundError:
        raise EmbeddingsError(f"{place.folder}: holds no embeddings: {MANIFEST} is missing. Check the path.") from None
    except OSError as error:
        raise EmbeddingsError(f"{file}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(file, f"it is not JSON ({error})") from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise EmbeddingsError(f"{file}: not written by tiered_st.scale.embed ('format' is not {FORMAT!r}).")
    if (version := meta.get("format_version")) != FORMAT_VERSION:
        cure = "Embed again, or install the tiered-st that wrote it."
        raise EmbeddingsError(f"{file}: format version {version!r}, this version reads {FORMAT_VERSION}. {cure}")
    for key, kind in _TYPES.items():
        if not isinstance(meta.get(key), kind):
            raise _damaged(file, f"{key!r} is {meta.get(key)!r}, expected {kind.__name__}")
    if meta["dtype"] not in DTYPES:
        raise _damaged(file, f"'dtype' is {meta['dtype']!r}, expected one of {', '.join(DTYPES)}")
    for part in meta["parts"]:
        kinds = {"file": str, "rows": int, "sha256": str}
        if not isinstance(part, dict) or not all(isinstance(part.get(key), kind) for key, kind in kinds.items()):
            raise _damaged(file, f"{part!r:.80} says of no part what its file, rows and sha256 are")
    if meta["complete"] and sum(part["rows"] for part in meta["parts"]) != meta["count"]:
        raise _damaged(file, f"its parts do not add up to {meta['count']} rows")
    return meta


def write_manifest(place: Place, meta: dict[str, Any]) -> None:
    """Write the manifest, whole."""
    place.write(MANIFEST, json.dumps({"format": FORMAT, "format_version": FORMAT_VERSION} | meta, indent=1).encode())


def _damaged(file: str, found: str) -> EmbeddingsError:
    return EmbeddingsError(f"{file}: {found}. The file is damaged: restore it, or embed again with restart=True.")
