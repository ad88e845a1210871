"""Renew, in a forked process, what a thread may have been changing that is not in it."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Renewable(Protocol):
    """What has something to do first thing in a forked process."""

    def after_fork(self) -> None:
        """Do it."""
        ...


_KEPT: weakref.WeakSet[Renewable] = weakref.WeakSet()


def renew_after_fork(one: Renewable) -> None:
    """Call ``one.after_fork()`` in every process forked from now on, as long as it lives."""
    _KEPT.add(one)


def _after_fork() -> None:
    for one in list(_KEPT):
        one.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
