"""Find the folder of a model by what it is called: a shipped name, a folder, or "owner/name" on the Hugging Face hub.

No torch is imported, and huggingface_hub only for a name on the hub, so that :mod:`tiered_st.runtime` finds models by
the very same words as :func:`tiered_st.load`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tiered_st.saved.hub_download import download
from tiered_st.saved.model_folder import PRETRAINED, pretrained

_HUB_NAME = re.compile(r"([A-Za-z0-9_][\w.-]*/[A-Za-z0-9_][\w.-]*)(?:@(.+))?", re.ASCII)


class Found(NamedTuple):
    """Where a model lies, what it is called, and, of one from the hub, the commit that its files are of."""

    folder: Path
    name: str
    commit: str | None = None

    def __str__(self) -> str:
        return f"{self.name}@{self.commit}" if self.commit else self.name

    def cured(self, error: ValueError) -> ValueError:
        """Return an error in a file of this model, of one from the hub with the way to have its files anew."""
        if self.commit is None:
            return error
        return ValueError(f"{error} This is {self} on the hub: delete {self.folder.parent.parent} to download it anew.")


def folder_of(
    path: str | Path,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_folder: str | Path | None = None,
    local_files_only: bool = False,
) -> Path:
    """Return the folder of a model, downloaded if need be: see :func:`find`."""
    return find(
        path, revision=revision, token=token, cache_folder=cache_folder, local_files_only=local_files_only
    ).folder  # fmt: skip


def find(
    path: str | Path,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_folder: str | Path | None = None,
    local_files_only: bool = False,
) -> Found:
    """Find a model: the first of a shipped model of that name, a folder, and a model on the hub.

    A name is that of the shipped model, whatever lies in the working directory: write a folder of the same name as
    "./en-small". "owner/name" is the folder where there is one; a ``Path`` is always one. "owner/name@revision" is
    both in one, for what takes a name alone, such as the command line.

    Args:
        path: what the model is called.
        revision: of a model on the hub, a branch, a tag or a commit; by default its main branch as it is now. Only the
            whole hash of a commit gives the same files for ever: what is cached of it is not asked for again.
        token: for a model on the hub that is private or gated; by default what ``hf auth login`` or HF_TOKEN gave.
        cache_folder: where files from the hub are kept; by default where sentence-transformers keeps them.
        local_files_only: whether to take what is cached and ask nobody, as HF_HUB_OFFLINE=1 does.

    Raises:
        ValueError: if there is no such model, it cannot be had, or an option is given that means nothing for it.
    """
    if (local := _local(path) if str(path) else None) is not None:
        given = {"revision": revision, "token": token, "cache_folder": cache_folder}
        shown = {name: "" if name == "token" else f"={value!r}" for name, value in given.items() if value is not None}
        if refused := ", ".join(name + value for name, value in shown.items()):
            what = "a model that ships with the package" if local.folder.parent == PRETRAINED else "a folder here"
            raise ValueError(f"{refused}: only a model on the hub takes this, and {path} is {what}. Leave it out.")
        return local
    name = None if isinstance(path, Path) else _HUB_NAME.fullmatch(path)
    if name is None:
        raise ValueError(
            f"{str(path)!r} is neither a shipped model ({', '.join(pretrained()) or 'none here'}) nor a folder, nor a "
            'name on the hub, which is "owner/name" or "owner/name@revision".'
        )
    if name[2] and revision is not None:
        raise ValueError(f"{path} names its revision, and revision={revision!r} another time: leave one out.")
    folder = download(
        name[1], revision=name[2] or revision, token=token, cache_folder=cache_folder, local_files_only=local_files_only
    )
    return Found(folder, name[1], folder.name)


def _local(path: str | Path) -> Found | None:
    """Return the model that ships under this name, or the folder that is there; None if neither is."""
    # A Path means a folder where there is one: Path("./en-small") has forgotten its "./".
    if str(path) in pretrained() and not (isinstance(path, Path) and path.is_dir()):
        return Found(PRETRAINED / str(path), str(path))
    return Found(Path(path), Path(path).name) if Path(path).is_dir() else None
