"""Old import paths, which go on working until 0.3 with a DeprecationWarning."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any


def moved(old: str, **homes: str) -> Callable[[str], Any]:
    """Return the `__getattr__` of module `old`: `moved(__name__, Name="package.home")` says where each name is now."""

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {old!r} has no attribute {name!r}")
        new = homes[name]
        # stacklevel 2: the line that reads the attribute, or imports it by name, is the caller's
        warnings.warn(f"{old}.{name} is {new}.{name} now; the old path goes in 0.3", DeprecationWarning, stacklevel=2)
        return getattr(import_module(new), name)

    return get
