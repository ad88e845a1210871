"""Write the few protocol buffer messages of which an ONNX model consists, without the onnx package.

Numbers of fields are those of onnx.proto (ONNX 1.16 and later); a message is the bytes of its fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

_IR_VERSION = 9
_OPSETS = {"": 20, "com.microsoft": 1}  # domains of operators, and the version that nodes are written in
TYPES = {
    np.dtype(name): number
    for name, number in {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "bool": 9}.items()
}
Attribute = int | float | str | Sequence[int]
Shape = Sequence[int | str]


def model(nodes: Iterable[bytes], tensors: Iterable[bytes], inputs: Iterable[bytes], outputs: Iterable[bytes]) -> bytes:
    """Return a ModelProto."""
    graph = b"".join(
        [_many(1, nodes), _text(2, "tiered_st"), _many(5, tensors), _many(11, inputs), _many(12, outputs)]
    )  # fmt: skip
    opsets = (_text(1, domain) + _number(2, version) for domain, version in _OPSETS.items())
    return _number(1, _IR_VERSION) + _bytes(7, graph) + _many(8, opsets)


def node(
    kind: str, inputs: Sequence[str], outputs: Sequence[str], attributes: dict[str, Attribute], domain: str = ""
) -> bytes:
    """Return a NodeProto."""
    named = b"".join(_bytes(5, _attribute(name, value)) for name, value in attributes.items())
    values = [_text(1, i) for i in inputs] + [_text(2, o) for o in outputs]
    return b"".join(values) + _text(4, kind) + named + (_text(7, domain) if domain else b"")


def external_tensor(name: str, value: NDArray) -> bytes:
    """Return a TensorProto whose values whoever makes the session hands over."""
    place = _bytes(13, _text(1, "location") + _text(2, "weights"))
    return _tensor(name, value) + place + _number(14, 1)


def tensor(name: str, value: NDArray) -> bytes:
    """Return a TensorProto with its values."""
    return _tensor(name, value) + _bytes(9, np.ascontiguousarray(value).tobytes())


def value_info(name: str, dtype: np.dtype, shape: Shape) -> bytes:
    """Return a ValueInfoProto; a str stands for a length that may vary."""
    dims = b"".join(_bytes(1, _number(1, n) if isinstance(n, int) else _text(2, n)) for n in shape)
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, TYPES[dtype]) + _bytes(2, dims)))


def _tensor(name: str, value: NDArray) -> bytes:
    dims = b"".join(_number(1, n) for n in value.shape)
    return dims + _number(2, TYPES[value.dtype]) + _text(8, name)


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, float):
        return _text(1, name) + _key(2, 5) + np.float32(value).tobytes() + _number(20, 1)
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, 2)
    if isinstance(value, str):
        return _text(1, name) + _text(4, value) + _number(20, 3)
    return _text(1, name) + b"".join(_number(8, n) for n in value) + _number(20, 7)


def _many(field: int, messages: Iterable[bytes]) -> bytes:
    return b"".join(_bytes(field, message) for message in messages)


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _key(field, 2) + _varint(len(value)) + value


def _number(field: int, value: int) -> bytes:
    return _key(field, 0) + _varint(value)


def _key(field: int, wire: int) -> bytes:
    return _varint(field << 3 | wire)


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers take ten bytes
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
