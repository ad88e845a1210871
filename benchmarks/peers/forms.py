"""Models in the forms in which one deploys them, by a name such as ``en-small+onnx-int8`` or ``minilm+bf16``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.cpu import instruction_sets
from benchmarks.peers.candidate import Candidate
from benchmarks.peers.disk import bytes_on_disk
from benchmarks.peers.int8 import int8
from benchmarks.peers.minilm import NAME
from benchmarks.peers.optional import Unavailable
from benchmarks.peers.runtime_model import RuntimeModel
from benchmarks.peers.taught import Taught
from tiered_st import model

FORMS = {"onnx-int8": "ONNX int8", "onnx-fp32": "ONNX fp32", "openvino": "OpenVINO", "bf16": "bf16", "taught": "taught"}
BF16_SETS = {"avx512_bf16", "amx_bf16"}  # without them torch takes bf16 apart, which is slower than fp32


def split(name: str) -> tuple[str, str]:
    """Return the name of a model and its form, as in `FORMS`; "" where the name has none."""
    base, _, form = name.rpartition("+")
    return (base, form) if base and form in FORMS else (name, "")


def of_form(base: str, form: str, resolve: Callable[[str], Candidate]) -> Candidate:
    """Load a model in a form.

    Args:
        base: The model's name without its form.
        form: One of `FORMS`.
        resolve: What loads a model by its name.

    Raises:
        Unavailable: If this CPU, or what is installed, does not have it.
        ValueError: If the model has no such form.
    """
    shown = FORMS[form]
    if form == "bf16":
        if torch.cuda.is_available() is False and not BF16_SETS & set(instruction_sets()):
            raise Unavailable(f"this CPU has none of {', '.join(sorted(BF16_SETS))}: bf16 would be slower than fp32.")
        candidate = resolve(base)
        candidate.model.bfloat16()
        return Candidate(f"{candidate.name} {shown}", candidate.model, disk_bytes=candidate.disk_bytes)
    if base == "minilm" and form in ("onnx-int8", "openvino"):
        return Candidate(f"{NAME} {shown.removesuffix(' int8')} int8", int8(form.removesuffix("-int8")))
    if base not in model.pretrained():
        known = ", ".join(model.pretrained())
        raise ValueError(f"{base} has no form {form!r} here: {known} have it, and minilm has onnx-int8 and openvino.")
    size = bytes_on_disk(model.PRETRAINED / base)  # what is deployed is made of these files when it is loaded
    if form == "taught":
        return Candidate(f"{base} {shown}", Taught(resolve(base).model), disk_bytes=size)
    if form == "openvino":
        load: Any = model.load
        try:
            return Candidate(f"{base} {shown}", load(base, backend="openvino"), disk_bytes=size)
        except (TypeError, ImportError, NotImplementedError, ValueError) as error:
            raise Unavailable(f"{base} cannot be loaded for OpenVINO: {error}") from error
    deployed = RuntimeModel(base, precision="int8" if form == "onnx-int8" else "float32")
    return Candidate(f"{base} {shown}", deployed, disk_bytes=size)
