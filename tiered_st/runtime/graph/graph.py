"""Write computation down as an ONNX graph, operation by operation, and run it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiered_st.runtime.graph import onnx_bytes
from tiered_st.runtime.graph.onnx_bytes import Attribute, Shape

_LARGE = 1 << 10  # bytes from which a tensor is handed over rather than written down
FUSED = "com.microsoft"  # ONNX Runtime's own operators, each several of the standard's in one pass


class Graph:
    """A graph under construction; its values are names.

    Weights are handed to the session as they lie in memory: neither the graph's bytes nor the session's parser ever
    hold a copy of them.
    """

    def __init__(self) -> None:
        self._nodes: list[tuple[bytes, Sequence[str], Sequence[str]]] = []  # with what each reads and writes
        self._tensors: dict[str, bytes] = {}
        self._large: dict[str, NDArray] = {}
        self._inputs: list[bytes] = []
        self._outputs: dict[str, bytes] = {}
        self._count = 0

    def input(self, name: str, dtype: type, shape: Shape) -> str:
        """Add an input; lengths that may vary are given by a str."""
        self._inputs.append(onnx_bytes.value_info(name, np.dtype(dtype), shape))
        return name

    def output(self, value: str, name: str, dtype: type, shape: Shape) -> None:
        """Make ``value`` an output called ``name``."""
        self._add("Identity", [value], [name], {})
        self._outputs[name] = onnx_bytes.value_info(name, np.dtype(dtype), shape)

    def constant(self, value: ArrayLike, dtype: type = np.float32) -> str:
        """Add a constant, or weights."""
        array: NDArray[Any] = np.asarray(value, dtype=dtype, order="C")
        name = self._name()
        if array.nbytes < _LARGE:
            self._tensors[name] = onnx_bytes.tensor(name, array)
        else:
            self._tensors[name] = onnx_bytes.external_tensor(name, array)
            self._large[name] = array
        return name

    def ints(self, *values: int) -> str:
        """Add a constant list of whole numbers: axes, or a shape, in which 0 keeps a length and -1 is the rest."""
        return self.constant(values, np.int64)

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Attribute) -> str:
        """Add an operation with one result and return it; "" stands for an input that it may lack."""
        return self.ops(kind, *inputs, results=1, domain=domain, **attributes)[0]

    def ops(self, kind: str, *inputs: str, results: int, domain: str = "", **attributes: Attribute) -> list[str]:
        """Add an operation and return its results."""
        outputs = [self._name() for _ in range(results)]
        self._add(kind, inputs, outputs, attributes, domain)
        return outputs

    def session(
        self, threads: int | None, providers: Sequence[str] | None = None, outputs: Sequence[str] | None = None
    ) -> Any:
        """Return a session that runs the graph.

        Args:
            threads: that an operator may take; None for one per core.
            providers: ONNX Runtime's execution providers; by default the CPU.
            outputs: those that it gives, by doing no more than they need; by default all.

        Raises:
            ImportError: if ONNX Runtime is not installed.
        """
        ort = _import_onnxruntime()
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.inter_op_num_threads = 1
        # Threads that wait for an operator spin, or each would be woken anew; between calls none does.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        # What can be fused is written so; the optimizer would take operators for others that are slower on a CPU.
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        # ONNX Runtime warns of a tensor that nothing reads, and fails where it was to be handed over.
        wanted = list(self._outputs if outputs is None else outputs)
        nodes, read = self._needed(wanted)
        names = [name for name in self._large if name in read]
        tensors = [tensor for name, tensor in self._tensors.items() if name in read]
        values: list[Any] = [ort.OrtValue.ortvalue_from_numpy(self._large[name]) for name in names]
        options.add_external_initializers(names, values)
        content = onnx_bytes.model(nodes, tensors, self._inputs, [self._outputs[name] for name in wanted])
        return ort.InferenceSession(content, options, providers=list(providers or ["CPUExecutionProvider"]))

    def _add(
        self,
        kind: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        attributes: dict[str, Attribute],
        domain: str = "",
    ) -> None:
        self._nodes.append((onnx_bytes.node(kind, inputs, outputs, attributes, domain), inputs, outputs))

    def _needed(self, outputs: Sequence[str]) -> tuple[list[bytes], set[str]]:
        """Return the operations that outputs follow from, in order, and all values that these read."""
        nodes: list[bytes] = []
        read: set[str] = set()
        for node, inputs, written in reversed(self._nodes):
            if any(name in read or name in outputs for name in written):
                nodes.append(node)
                read.update(inputs)
        return nodes[::-1], read

    def _name(self) -> str:
        self._count += 1
        return f"v{self._count}"


def _import_onnxruntime() -> Any:
    try:
        return import_module("onnxruntime")
    except ImportError as error:
        message = "tiered_st.runtime needs ONNX Runtime: pip install onnxruntime"
        raise ImportError(message, name="onnxruntime") from error
