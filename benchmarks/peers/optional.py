"""Import what only a baseline needs."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


def need(module: str, *, of: str) -> ModuleType:
    """Import a module of the `benchmarks` extra.

    Args:
        module: Its name, which is also that of its package.
        of: The baseline that needs it.

    Raises:
        ValueError: If it is not installed; the text says how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ValueError(
            f"{of} needs {module}, which is not installed: pip install -e '.[benchmarks]', or pip install {module}."
        ) from error
