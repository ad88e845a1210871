"""Products in 8-bit integers are whole numbers: no CPU may clip a sum, and no row may feel another."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from tiered_st.modules import weights
from tiered_st.runtime.graph import Graph
from tiered_st.runtime.semantic.products import Int8Products, largest_input, loud_channels, quantize
from tiered_st.runtime.stored_weights import StoredWeights

RANDOM = np.random.default_rng(0)
EDGES = (-127, -126, -64, -1, 0, 1, 64, 126, 127)


def product(
    rows: np.ndarray, tensors: dict[str, np.ndarray], *, gelu: bool = False, loud: list[int] | None = None
) -> np.ndarray:
    """Multiply (rows, in) by the weight (out, in) that tensors hold, as E2 does in int8."""
    graph = Graph()
    size = tensors["weight"].shape[::-1]
    x = graph.input("x", np.float32, ("rows", size[0]))
    out = Int8Products(graph)(x, StoredWeights(tensors), size, gelu=gelu, loud=loud or [])
    graph.output(out, "y", np.float32, ("rows", size[1]))
    return graph.session(1).run(None, {"x": rows})[0]


def stored(integers: np.ndarray, scale: float = 1.0) -> dict[str, np.ndarray]:
    return {"weight": integers.astype(np.int8), "weight.scale": np.full((len(integers), 1), scale, dtype=np.float32)}


@pytest.mark.parametrize("pair", list(itertools.product(EDGES, EDGES)))
def test_no_two_products_exceed_16_bits(pair: tuple[int, int]) -> None:
    matrix = np.array([[*pair, 3]], dtype=np.int8)
    most = largest_input(matrix)
    assert 0 < most <= 255
    sums = [a * pair[0] + b * pair[1] for a in (0, 1, most - 1, most) for b in (0, 1, most - 1, most)]
    assert min(sums) >= -(1 << 15)
    assert max(sums) < 1 << 15


def test_the_largest_input_is_no_smaller_than_it_must_be() -> None:
    assert largest_input(np.array([[127, 127]], dtype=np.int8)) == 32767 // 254 == 129
    assert largest_input(np.array([[127, 1, -127, 0]], dtype=np.int8)) == 255
    assert largest_input(np.array([[0, 64], [64, 64]], dtype=np.int8)) == 255
    assert largest_input(np.array([[-127, -127]], dtype=np.int8)) == 129
    assert largest_input(np.zeros((3, 1), dtype=np.int8)) == largest_input(np.zeros((0, 4), dtype=np.int8)) == 255


@pytest.mark.parametrize("gelu", [False, True])
@pytest.mark.parametrize("matrix", ["all 127", "all -127", "signs", "random", "one column"])
def test_products_are_exact_whole_numbers(matrix: str, gelu: bool) -> None:
    """Rows that become themselves as integers give the very integer, whatever is worst for 16 bits."""
    integers = {
        "all 127": np.full((8, 64), 127), "all -127": np.full((8, 64), -127),
        "signs": np.where(RANDOM.random((8, 64)) < 0.5, 127, -127), "random": RANDOM.integers(-127, 128, (8, 64)),
        "one column": RANDOM.integers(-127, 128, (8, 1)),
    }[matrix]  # fmt: skip
    most = largest_input(integers.astype(np.int8))
    zero = most // 12 if gelu else most // 2
    top = most - zero
    least = 0 if gelu else -zero
    rows = RANDOM.integers(least, top + 1, (12, integers.shape[1]))
    rows[:, 0] = top  # so that one step is 1
    rows[1] = top
    rows[2, 1:] = least
    expected = rows.astype(np.int64) @ integers.T.astype(np.int64)
    found = product(rows.astype(np.float32), stored(integers), gelu=gelu)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=0)


def test_a_row_feels_no_other() -> None:
    tensors = stored(RANDOM.integers(-127, 128, (16, 32)), 0.01)
    rows = RANDOM.normal(size=(6, 32)).astype(np.float32)
    rows[1], rows[2], rows[3], rows[4] = 0, rows[2] * 1e30, rows[3] * 1e-30, -0.0
    together = product(rows, tensors)
    for row, expected in zip(rows, together, strict=True):
        np.testing.assert_array_equal(product(row[None], tensors)[0], expected)
    assert np.isfinite(together).all()
    assert (together[[1, 4]] == 0).all()
    exact = rows[[0, 2, 5]].astype(np.float64) @ (tensors["weight"] * tensors["weight.scale"]).T
    assert (np.abs(together[[0, 2, 5]] - exact).max(axis=1) < 0.02 * np.abs(exact).max(axis=1)).all()


def test_loud_channels_are_multiplied_as_they_are() -> None:
    """What one channel holds must not set the step of all others."""
    tensors = stored(RANDOM.integers(-127, 128, (16, 64)), 0.01)
    rows = RANDOM.normal(size=(5, 64)).astype(np.float32)
    rows[:, 7] = 300
    exact = rows.astype(np.float64) @ (tensors["weight"] * tensors["weight.scale"]).astype(np.float64).T
    loud, plain = (np.abs(product(rows, tensors, loud=own) - exact).max() for own in ([7], []))
    assert loud < 0.25 < plain
    alone = np.zeros_like(rows)
    alone[:, 7] = 300.1234
    exact = alone.astype(np.float64) @ (tensors["weight"] * tensors["weight.scale"]).astype(np.float64).T
    np.testing.assert_allclose(product(alone, tensors, loud=[7]), exact, rtol=1e-5)


def test_loud_channels_are_few_and_the_loudest() -> None:
    norm = np.ones(64, dtype=np.float32)
    assert loud_channels([]) == loud_channels([norm]) == []
    norm[[3, 9, 20]] = 5, -7, 2.5
    assert loud_channels([np.ones(64, dtype=np.float32), norm]) == [3, 9]  # one in 32
    assert loud_channels([np.zeros(64, dtype=np.float32)]) == []


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30, 0.0])
def test_weights_are_rounded_as_they_are_stored(scale: float) -> None:
    weight = (RANDOM.normal(size=(20, 33)) * scale).astype(np.float32)
    weight[3] = 0
    weight[4, 1:] = 0
    weight[5, 0] = -0.0
    integers, steps = weights.quantize(torch.from_numpy(weight))
    found = quantize(weight)
    np.testing.assert_array_equal(found.integers, integers.numpy())
    np.testing.assert_array_equal(found.scale, steps.numpy())
