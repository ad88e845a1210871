"""Let no Ctrl-C stop half-way what has to happen whole."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait


def uninterrupted(action: Callable[[], None]) -> None:
    """Run `action` to its end or its error: signals reach the main thread alone, so in another.

    Raises:
        KeyboardInterrupt: If one came meanwhile, once `action` is done; or before it began, and then it never does.
    """
    if threading.current_thread() is not threading.main_thread():
        action()
        return
    outcome: Future[None] = Future()

    def run() -> None:
        if not outcome.set_running_or_notify_cancel():
            return
        try:
            action()
            outcome.set_result(None)
        except BaseException as error:
            outcome.set_exception(error)

    try:
        threading.Thread(target=run, name="tiered_st.indexes").start()
        outcome.result()
    finally:
        if not outcome.cancel():  # it has begun, so let it come to its end
            wait([outcome])
