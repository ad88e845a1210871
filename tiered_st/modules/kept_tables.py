"""Keep small tables that follow from their size alone, rather than make them at every call."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import torch
from torch import Tensor

from tiered_st.modules.tracing import is_traced

_MOST = 256  # tables; there is one per device and length, and few lengths
_TABLES: dict[tuple[Hashable, ...], Any] = {}

Tables = TypeVar("Tables", bound=tuple[Tensor, ...])


def kept(make: Callable[..., Tables], *arguments: Hashable) -> Tables:
    """Return ``make(*arguments)``, made once; what is traced makes its own, and no graph holds what is kept here.

    The tables are of no module, so that saved models, fingerprints and moves to other devices know nothing of them.
    Threads may ask at once: at worst each makes an equal one. Whoever gets them does not write to them.
    """
    if is_traced():
        return make(*arguments)
    key = (make, *arguments)
    tables: Tables | None = _TABLES.get(key)
    if tables is None:
        with torch.inference_mode(False):  # so that training may use them too
            tables = make(*arguments)
        if all(type(table) is Tensor for table in tables):  # no stand-in of a mode that pretends to compute
            if len(_TABLES) >= _MOST:
                _TABLES.clear()
            _TABLES[key] = tables
    return tables
