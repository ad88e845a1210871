"""The suites, one file each under its name: every module in this folder has a `SUITE`, there is no other list.

In: the data kit's texts, as `benchmarks.texts` reads and changes them. Out: a score of a model per condition.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from benchmarks.suite import Suite


def suites() -> dict[str, Suite]:
    """Return every suite by name."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    return {module.SUITE.name: module.SUITE for module in modules}
