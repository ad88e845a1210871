"""Show how far ``encode`` is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(texts: int, *, shown: bool) -> Iterator[Callable[[int], object]]:
    """Give what is told how many more texts are done, and shows it in a bar if ``shown``."""
    if not shown:
        yield lambda done: None
        return
    from tqdm.auto import tqdm  # a fifth of the time that the import of the runtime takes, and mostly for nothing

    with tqdm(total=texts, desc="Texts") as bar:
        yield bar.update
