"""A folder of embeddings is read part by part, and refused by name where it is not whole."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import numpy as np
import pytest
from embeddings_tools import unit_rows, write_embeddings

from tiered_st.scale import Embeddings, EmbeddingsError
from tiered_st.scale.place import Place
from tiered_st.scale.same_ids import id_that_comes_twice

SIZES = [3, 0, 5, 1]


@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize(("dtype", "off"), [("float32", 0), ("float16", 3e-4), ("int8", 5e-3)])
def test_blocks_give_all_rows_in_order(dtype: str, off: float, remote: bool, tmp_path: Path) -> None:
    folder = f"memory://{uuid.uuid4().hex}/e" if remote else str(tmp_path / "e")
    vectors = unit_rows(9)
    write_embeddings(folder, vectors, sizes=SIZES, dtype=dtype)
    found = Embeddings(folder)
    blocks = list(found.blocks(rows=2))
    assert [len(block.ids) for block in blocks] == [2, 1, 2, 2, 1, 1]
    assert [id for block in blocks for id in block.ids] == [str(row) for row in range(9)]
    assert [text for block in blocks for text in block.texts or ()] == [f"text {row}" for row in range(9)]
    read = np.concatenate([block.vectors for block in blocks])
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, vectors, atol=off, rtol=0)
    assert (found.count, len(found), found.dimension, found.dtype, len(found.parts)) == (9, 9, 16, dtype, 4)
    found.verify(ids=True)


def test_a_part_without_texts_gives_none(tmp_path: Path) -> None:
    write_embeddings(str(tmp_path), unit_rows(2), sizes=[2], texts=False)
    assert next(Embeddings(tmp_path).blocks()).texts is None
    with pytest.raises(ValueError, match="rows=0"):
        next(Embeddings(tmp_path).blocks(0))


def test_a_sample_is_of_rows_that_are_there_each_at_most_once(tmp_path: Path) -> None:
    vectors = unit_rows(9)
    write_embeddings(str(tmp_path), vectors, sizes=SIZES)
    found = Embeddings(tmp_path)
    some = found.sample(4, seed=1)
    places = [int(np.flatnonzero((vectors == row).all(axis=1))[0]) for row in some]
    assert len(set(places)) == 4
    np.testing.assert_array_equal(some, found.sample(4, seed=1))
    assert not np.array_equal(some, found.sample(4, seed=2))
    np.testing.assert_array_equal(found.sample(100), vectors)
    assert found.sample(0).shape == (0, 16)


def test_no_rows_at_all(tmp_path: Path) -> None:
    write_embeddings(str(tmp_path), unit_rows(0), sizes=[])
    found = Embeddings(tmp_path)
    assert list(found.blocks()) == [] and found.sample(5).shape == (0, 16) and found.count == 0
    found.verify(ids=True)


def test_what_is_incomplete_is_refused_unless_asked_for(tmp_path: Path) -> None:
    write_embeddings(str(tmp_path), unit_rows(9), sizes=SIZES, complete=False, parts=[], count=0)
    with pytest.raises(EmbeddingsError, match="has not come to its end"):
        Embeddings(tmp_path)
    found = Embeddings(tmp_path, allow_incomplete=True)
    assert found.count == 9 and sum(len(block.ids) for block in found.blocks()) == 9


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_part_that_is_another_is_named(damage: str, tmp_path: Path) -> None:
    write_embeddings(str(tmp_path), unit_rows(9), sizes=SIZES)
    part = tmp_path / "parts" / "part-000002-00000000.parquet"
    data = bytearray(part.read_bytes())
    data[100] ^= 1
    part.write_bytes(data)
    if damage == "missing":
        part.unlink()
    with pytest.raises(EmbeddingsError, match=r"part-000002-00000000\.parquet: .*remove it and run the same"):
        Embeddings(tmp_path).verify()


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingsError, match="holds no embeddings"):
        Embeddings(tmp_path / "nothing")
    write_embeddings(str(tmp_path), unit_rows(9), sizes=SIZES)
    (tmp_path / "parts" / "part-000002-00000000.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(EmbeddingsError, match="part-000002"):
        list(Embeddings(tmp_path).blocks())
    manifest = tmp_path / "manifest.json"
    whole = json.loads(manifest.read_text())
    for changes, message in [
        ({"format": "else"}, "not written by"),
        ({"format_version": 2}, "format version 2"),
        ({"dtype": "int4"}, "'dtype' is 'int4'"),
        ({"count": 8}, "do not add up to 8"),
        ({"dimension": None}, "'dimension' is None"),
        ({"parts": [{"file": "x"}]}, "says of no part"),
    ]:
        manifest.write_text(json.dumps(whole | changes))
        with pytest.raises(EmbeddingsError, match=message):
            Embeddings(tmp_path)
    manifest.write_text("{")
    with pytest.raises(EmbeddingsError, match="it is not JSON"):
        Embeddings(tmp_path)


def test_an_id_that_comes_twice_is_found_over_several_passes() -> None:
    ids = [[str(row) for row in range(first, first + 100)] for first in range(0, 1000, 100)]
    assert id_that_comes_twice(lambda: ids, 1000, at_once=64) is None
    assert id_that_comes_twice(lambda: [*ids, ["7"]], 1001, at_once=64) == "7"
    assert id_that_comes_twice(lambda: [], 0) is None


def test_a_place_is_alike_here_and_behind_a_url(tmp_path: Path) -> None:
    for place in (Place(tmp_path / "p"), Place(f"memory://{uuid.uuid4().hex}"), Place(f"file://{tmp_path}/u")):
        assert place.names() == [] and not place.exists("a/b")
        with pytest.raises(FileNotFoundError):
            place.read("a/b")
        place.write("a/b", b"1")
        place.write("a/b", b"2")
        place.write("c", b"")
        assert place.read("a/b") == b"2" and place.names() == ["a", "c"] and place.names("a") == ["b"]
        place.remove("a")
        place.remove("c")
        place.remove("nothing")
        assert place.names() == []
