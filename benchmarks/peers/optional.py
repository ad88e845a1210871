"""Import what only a baseline needs."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


class Unavailable(ValueError):
    """A model or form of one that cannot be had here, for a reason that its text gives: the others can."""


def need(module: str, *, of: str, package: str = "") -> ModuleType:
    """Import a module of the `benchmarks` extra.

    Args:
        module: Its name, which begins with that of its package.
        of: The baseline that needs it.
        package: What is to be installed, where that is not called as the module is.

    Raises:
        Unavailable: If it is not installed; the text says how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise Unavailable(
            f"{of} needs {module}, which is not installed: pip install -e '.[benchmarks]', or pip install "
            f"{package or module.partition('.')[0]}."
        ) from error
