"""Find the folder of a model by what it is called: a shipped name, or a path."""

from __future__ import annotations

from pathlib import Path

from tiered_st.model_folder import PRETRAINED, pretrained


def folder_of(path: str | Path) -> Path:
    """Return the folder of a model: a shipped one by its name, or any other by its path.

    Raises:
        ValueError: if there is neither.
    """
    # A Path means a folder where there is one: Path("./en-small") has forgotten its "./".
    if str(path) in pretrained() and not (isinstance(path, Path) and path.is_dir()):
        return PRETRAINED / str(path)
    if Path(path).is_dir():
        return Path(path)
    raise ValueError(
        f"{path} is neither a folder nor a shipped model ({', '.join(pretrained()) or 'none here'}). For a model on "
        "the hub, use SentenceTransformer(name, trust_remote_code=True)."
    )
