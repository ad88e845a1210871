"""SERVED_ENGINES.md: each example fills its engine and finds what was asked, where its packages are installed."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from readme import README, marked

import tiered_st.runtime
from tiered_st.fingerprint import model_fingerprint

pa = pytest.importorskip("pyarrow", reason="folders of embeddings need pyarrow")
from tiered_st.scale.manifest import write_manifest  # noqa: E402
from tiered_st.scale.part import part_bytes  # noqa: E402
from tiered_st.scale.place import Place  # noqa: E402

PAGE = README.parent / "tiered_st" / "scale" / "SERVED_ENGINES.md"
TEXTS = ["How do I get a refund?", "Where is my parcel?", "The cat sat on the mat.", "My card was stolen."]
ENGINES = re.findall(r"^<!-- served: (?!before)(.*) -->$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture
def embeddings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of embeddings in two parts, in the folder that the examples run in."""
    monkeypatch.chdir(tmp_path)
    model = tiered_st.runtime.load("en-nano", threads=1)
    vectors = model.encode_document(TEXTS)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    place, parts = Place("embeddings"), []
    for number, rows in enumerate((slice(0, 1), slice(1, 4))):
        carried = {"text": pa.array(TEXTS[rows])}
        content = part_bytes(list("abcd")[rows], vectors[rows], dtype="int8", carried=carried)
        file = f"parts/part-{number}.parquet"
        place.write(file, content)
        found = {"file": file, "rows": len(TEXTS[rows]), "sha256": hashlib.sha256(content).hexdigest()}
        parts.append(found)
    head = {"model_name": "en-nano", "model_fingerprint": model_fingerprint(model), "dimension": vectors.shape[1]}
    rest: dict[str, Any] = {"dtype": "int8", "settings": {}, "sources": [], "count": 4, "rejected": 0, "parts": parts}
    write_manifest(place, {"complete": True} | head | rest)
    return tmp_path / "embeddings"


def test_the_page_has_an_example_of_each_engine() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall("^## (.*)$", text, re.MULTILINE) == ["Qdrant", "Milvus", "pgvector", "LanceDB"]
    assert len(ENGINES) == 4


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_finds_what_was_asked(engine: str, embeddings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in engine.split():
        pytest.importorskip(package)
    (before,), (example,) = marked("served: before", PAGE), marked(f"served: {engine}", PAGE)
    if "pgserver" in engine:
        import pgserver

        folder = embeddings.parent / "postgres"
        server = pgserver.get_server(folder)
        for name, value in {"PGHOST": folder, "PGUSER": "postgres", "PGDATABASE": "postgres"}.items():
            monkeypatch.setenv(name, str(value))
    names: dict[str, Any] = {}
    try:
        exec(compile(before[1] + example[1], engine, "exec"), names)
    finally:
        if "pgserver" in engine:
            server.cleanup()
    assert names["found"][0] == "b" and len(names["found"]) == 2
