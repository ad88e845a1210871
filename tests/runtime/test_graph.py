"""Graphs are written without the onnx package, and hold what they were given."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tiered_st.runtime.graph import Graph, check_providers, onnx_bytes
from tiered_st.runtime.graph.engine import check_version


def test_numbers_take_as_many_bytes_as_they_must() -> None:
    assert onnx_bytes._varint(0) == b"\x00"
    assert onnx_bytes._varint(127) == b"\x7f"
    assert onnx_bytes._varint(128) == b"\x80\x01"
    assert onnx_bytes._varint(-1) == b"\xff" * 9 + b"\x01"


def test_the_onnx_package_reads_what_is_written() -> None:
    onnx = pytest.importorskip("onnx")
    graph = Graph()
    x = graph.input("x", np.float32, ("rows", 3))
    total = graph.op("ReduceSum", x, graph.ints(-1), keepdims=0)
    graph.op("Gather", graph.constant(np.arange(9)), graph.ints(1))  # of no use, and its table is written down
    graph.output(graph.op("Mul", total, graph.constant(0.5)), "y", np.float32, ("rows",))
    content = onnx_bytes.model(
        [node for node, *_ in graph._nodes], graph._tensors.values(), graph._inputs, graph._outputs.values()
    )
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    half = next(t for t in onnx.load_from_string(content).graph.initializer if t.data_type == 1 and not t.dims)
    assert onnx.numpy_helper.to_array(half) == 0.5


@pytest.mark.parametrize("size", [1, 4, 255, 256, 257, 5000])
def test_tensors_small_and_large_are_copied_and_unread_ones_left_out(size: int) -> None:
    graph = Graph()
    x = graph.input("x", np.float32, (size,))
    table = np.arange(size, dtype=np.float32)
    graph.constant(np.ones(size))  # nothing reads it
    graph.output(graph.op("Add", x, graph.constant(table)), "y", np.float32, (size,))
    session = graph.session(1)
    del graph
    expected = table + 1
    table[:] = 7  # whoever gave it may go on with it
    np.testing.assert_array_equal(session.run(None, {"x": np.ones(size, dtype=np.float32)})[0], expected)


def test_what_an_output_does_not_need_is_left_out() -> None:
    graph = Graph()
    x = graph.input("x", np.float32, (2,))
    doubled = graph.op("Mul", x, graph.constant(2.0))
    graph.output(doubled, "doubled", np.float32, (2,))
    graph.output(graph.op("NoSuchOperator", doubled), "never", np.float32, (2,))
    session = graph.session(1, outputs=["doubled"])
    assert [output.name for output in session.get_outputs()] == ["doubled"]
    np.testing.assert_array_equal(session.run(None, {"x": np.array([1, 3], dtype=np.float32)})[0], [2, 6])


def test_nothing_is_logged_of_tensors_that_nothing_reads() -> None:
    code = (
        "import numpy as np; from tiered_st.runtime.graph import Graph; g = Graph(); x = g.input('x', np.float32, (1,))"
        "; g.constant(1.0); g.constant(np.ones(5000)); g.output(x, 'y', np.float32, (1,)); g.session(1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == done.stdout == ""


def test_providers_that_are_not_there_are_refused() -> None:
    check_providers(None)
    check_providers(["CPUExecutionProvider", ("CPUExecutionProvider", {})])
    for wrong in ("NopeExecutionProvider", 3):
        with pytest.raises(ValueError, match=f"providers names {wrong!r}.*choose from .*CPUExecutionProvider"):
            check_providers(["CPUExecutionProvider", wrong])
    with pytest.raises(ValueError, match=r"must be a list: give \['CPUExecutionProvider'\]"):
        check_providers("CPUExecutionProvider")


def test_a_version_that_computes_wrongly_is_refused() -> None:
    check_version("1.20.0")
    check_version("2.0.1.dev3")
    with pytest.raises(ImportError, match=r"needs ONNX Runtime 1\.20 or newer, and 1\.19\.2 is installed"):
        check_version("1.19.2")
