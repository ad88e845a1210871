"""Tell a run that is being written down from one that computes."""

from __future__ import annotations

import torch


def is_traced() -> bool:
    """Say whether torch.export, torch.compile or torch.jit.trace reads along: no branch may then depend on values."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()
