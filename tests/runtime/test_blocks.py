"""Products in blocks of integers: right where they can be exact, near where not, and floats where there are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tiered_st.runtime.graph import Graph, block_product, blocks

needed = pytest.mark.skipif(not blocks._computes(), reason="this ONNX Runtime has no products of 8-bit blocks")
RANDOM = np.random.default_rng(0)


def multiplied(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    graph = Graph()
    x = graph.input("x", np.float32, ("rows", len(matrix)))
    graph.output(block_product(graph, x, matrix), "y", np.float32, ("rows", matrix.shape[1]))
    return graph.session(1).run(None, {"x": rows})[0]


@needed
@pytest.mark.parametrize("inside", [1, 9, 31, 32, 33, 65, 2_049])
@pytest.mark.parametrize("kind", ["all 127", "signs", "random"])
def test_whole_numbers_are_multiplied_exactly(inside: int, kind: str) -> None:
    def draw(*shape: int) -> np.ndarray:
        values = {
            "all 127": np.full(shape, 127), "signs": RANDOM.choice([-127, 127], shape),
            "random": RANDOM.integers(-127, 128, shape),
        }[kind].astype(np.float32)  # fmt: skip
        values[..., ::32] = 127  # each block's scale is 1
        return values

    rows, columns = draw(5, inside), draw(7, inside)
    rows[3] = 0
    np.testing.assert_allclose(multiplied(rows, columns.T), rows @ columns.T, rtol=1e-5)


@needed
def test_flat_shares_lose_little_and_no_row_feels_another() -> None:
    slots, rows = RANDOM.normal(size=(2_049, 40)).astype(np.float32), RANDOM.normal(size=(70, 2_049))
    shares = np.exp(rows * np.linspace(0, 4, 70)[:, None])  # from equal ones to a few that hold nearly all
    shares = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    exact, found = shares @ slots, multiplied(shares, slots)
    assert (np.linalg.norm(found - exact, axis=1) < 0.02 * np.linalg.norm(exact, axis=1)).all()
    for count in (1, 2, 5, 33):
        assert np.array_equal(multiplied(shares[-count:], slots), found[-count:])


@pytest.fixture
def asked_anew() -> Any:
    blocks._computes.cache_clear()
    yield
    blocks._computes.cache_clear()


class Wrong:
    def run(self, names: None, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        return [np.full((2, 2), 32_767.0)]


@pytest.mark.usefixtures("asked_anew")
@pytest.mark.parametrize("has", [None, Wrong])
def test_floats_are_multiplied_where_integers_cannot_be(has: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def session(self: Graph, threads: int | None, *more: Any) -> Any:
        if has is None:
            raise LookupError("no kernel")
        return has()

    with monkeypatch.context() as patch:
        patch.setattr(Graph, "session", session)
        assert not blocks._computes()
    rows, matrix = RANDOM.normal(size=(3, 50)).astype(np.float32), RANDOM.normal(size=(50, 4)).astype(np.float32)
    np.testing.assert_allclose(multiplied(rows, matrix), rows @ matrix, rtol=1e-5)
