"""Choose the precision that the machine at hand is fast in."""

from __future__ import annotations

import torch


def has_bf16(device: torch.device | str) -> bool:
    """Say whether ``device`` multiplies bfloat16 natively."""
    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported()
    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(check() for check in checks if check)
