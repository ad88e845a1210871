"""Write an ONNX model file, so that running one needs ONNX Runtime alone and not the `onnx` package.

An ONNX file is a Protocol Buffers message. The few fields that a graph of ours has are written here by number; they are
those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, which promises never to change them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tiered_st import __version__

IR_VERSION = 9
OPSETS = {"": 19, "com.microsoft": 1}  # domains, and the version of their operators that nodes are written in
MOST_BYTES = (1 << 31) - 1  # of one Protocol Buffers message

_DATA_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "bool": 9, "float16": 10}
Attribute = int | float | str | Sequence[int]


@dataclass
class OnnxGraph:
    """A graph that nodes, weights, inputs and outputs are added to, one after another.

    Attributes:
        domains: the domains whose operators it uses.
    """

    name: str
    domains: set[str] = field(default_factory=lambda: {""})
    _parts: list[bytes] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)

    def add(self, operator: str, inputs: Sequence[str], name: str, *, domain: str = "", **settings: Attribute) -> str:
        """Add a node with one output, and return that output's name, which is the node's own."""
        return self.add_many(operator, inputs, [name], domain=domain, **settings)[0]

    def add_many(
        self, operator: str, inputs: Sequence[str], names: Sequence[str], *, domain: str = "", **settings: Attribute
    ) -> list[str]:
        """Add a node with several outputs, and return their names."""
        node = b"".join(_text(1, given) for given in inputs)
        node += b"".join(_text(2, self._new(name) if name else "") for name in names)  # "" leaves an output out
        node += _text(3, names[0]) + _text(4, operator)
        node += b"".join(_bytes(5, _attribute(key, value)) for key, value in settings.items()) + _text(7, domain)
        self.domains.add(domain)
        self._parts.append(_bytes(1, node))
        return list(names)

    def weight(self, name: str, value: np.ndarray) -> str:
        """Add a constant and return its name.

        Raises:
            ValueError: if a graph holds no such values.
        """
        if value.dtype.name not in _DATA_TYPES:
            raise ValueError(f"{name} is of {value.dtype}, which is not one of {', '.join(_DATA_TYPES)}.")
        dims = b"".join(_integer(1, size) for size in value.shape)
        little = np.ascontiguousarray(value).astype(value.dtype.newbyteorder("<"), copy=False)
        tensor = dims + _integer(2, _DATA_TYPES[value.dtype.name]) + _text(8, self._new(name))
        self._parts.append(_bytes(5, tensor + _bytes(9, little.tobytes())))
        return name

    def input(self, name: str, dtype: str, shape: Sequence[int | str]) -> str:
        """Declare an input, whose sizes are numbers or, where they vary, names; return its name."""
        self._parts.append(_bytes(11, _value(self._new(name), dtype, shape)))
        return name

    def output(self, name: str, dtype: str, shape: Sequence[int | str]) -> None:
        """Declare that what a node called so gives is an output."""
        self._parts.append(_bytes(12, _value(name, dtype, shape)))

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def to_bytes(self) -> bytes:
        """Return the file's content.

        Raises:
            ValueError: if it is larger than such a file can be, 2 GiB.
        """
        graph = b"".join([*self._parts, _text(2, self.name)])
        model = _integer(1, IR_VERSION) + _text(2, "tiered-st") + _text(3, __version__)
        opsets = (_text(1, domain) + _integer(2, OPSETS[domain]) for domain in sorted(self.domains))
        model += b"".join(_bytes(8, opset) for opset in opsets) + _bytes(7, graph)
        if len(model) > MOST_BYTES:
            raise ValueError(f"This model's graph would take {len(model):,} bytes, and an ONNX file {MOST_BYTES:,}.")
        return model

    def _new(self, name: str) -> str:
        if name in self._names:
            raise ValueError(f"Two values of this graph would be called {name!r}.")
        self._names.add(name)
        return name


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers as two's complement
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode())


def _attribute(name: str, value: Attribute) -> bytes:
    """Write a node's setting: its name, its value in the field of its kind, and the number of that kind."""
    if isinstance(value, int):
        return _text(1, name) + _integer(3, value) + _integer(20, 2)
    if isinstance(value, float):
        return _text(1, name) + _varint(2 << 3 | 5) + struct.pack("<f", value) + _integer(20, 1)
    if isinstance(value, str):
        return _text(1, name) + _text(4, value) + _integer(20, 3)
    return _text(1, name) + b"".join(_integer(8, item) for item in value) + _integer(20, 7)


def _value(name: str, dtype: str, shape: Sequence[int | str]) -> bytes:
    dims = (_integer(1, size) if isinstance(size, int) else _text(2, size) for size in shape)
    tensor = _integer(1, _DATA_TYPES[dtype]) + _bytes(2, b"".join(_bytes(1, dim) for dim in dims))
    return _text(1, name) + _bytes(2, _bytes(1, tensor))
