"""Download a tiered model from the Hugging Face hub: *.json and *.safetensors, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tiered_st import __version__
from tiered_st.saved.model_folder import NotTieredError, missing_files, module_rows

PATTERNS = ["*.json", "*.safetensors"]
_LISTING = "modules.json"


def download(
    name: str,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_folder: str | Path | None = None,
    local_files_only: bool = False,
) -> Path:
    """Return the folder of one commit of a model on the hub; its name is the commit's hash.

    modules.json comes first and alone, so that nothing large is downloaded of what is no tiered model. What a killed
    download left is completed by the next, and any number of processes may download one model at once.

    Args:
        name: "owner/name".
        revision: a branch, a tag or a commit; by default the main branch.
        token: who asks; by default what huggingface_hub knows.
        cache_folder: where files are kept; by default as sentence-transformers does.
        local_files_only: whether to take what is cached and ask nobody.

    Raises:
        NotTieredError: if it is a model of another kind.
        ValueError: if it cannot be had, is not whole, or names a class that is not on the allow-list.
    """
    cache_folder = cache_folder or os.environ.get("SENTENCE_TRANSFORMERS_HOME")
    options: dict[str, Any] = {"token": token, "cache_dir": cache_folder, "local_files_only": local_files_only}
    folder = _snapshot(name, revision, [_LISTING], options)
    if not (folder / _LISTING).is_file():
        raise NotTieredError(
            f"{name} on the hub has no {_LISTING}: it is no tiered model. SentenceTransformer({name!r}) may know it."
        )
    rows = module_rows(folder, called=name)
    folder = _snapshot(name, folder.name, PATTERNS, options)  # by its commit: a branch may have moved on meanwhile
    if missing := missing_files(folder, rows):
        raise ValueError(
            f"{name} on the hub has no {' and no '.join(missing)}, or {folder} is not whole: load it once with the "
            f"network. Only {' and '.join(PATTERNS)} are read, never pickles (.bin, .pt): a model that has nothing "
            "else has to be saved again, by model.save of this library."
        )
    return folder


def _snapshot(name: str, revision: str | None, patterns: list[str], options: dict[str, Any]) -> Path:
    """Return the folder of a commit with all of its files of these patterns.

    Raises:
        ImportError: if huggingface_hub is not installed: only a runtime without sentence-transformers lacks it.
        ValueError: if it cannot be had; the text says why and what to do.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.utils import tqdm
    except ImportError:
        raise ImportError(f"{name} is no folder here, and the hub needs `pip install huggingface-hub`.") from None

    class LateBar(tqdm):  # type: ignore[type-arg]
        """A bar that shows after a second, so that a cached model loads in silence."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{"delay": 1.0, **kwargs})

    try:
        return Path(
            snapshot_download(
                name, revision=revision, allow_patterns=patterns, tqdm_class=LateBar,
                library_name="tiered-st", library_version=__version__, **options,
            )
        )  # fmt: skip
    except Exception as error:  # of its HTTP library too, which is another one with each generation of huggingface_hub
        raise ValueError(_explained(error, name, revision, options)) from error


def _explained(error: Exception, name: str, revision: str | None, options: dict[str, Any]) -> str:
    """Say why a model cannot be had, and what to do."""
    from huggingface_hub import constants, errors

    hub, login = constants.ENDPOINT, "give token=…, or `hf auth login`"
    # What came of having nothing cached says less than why the hub was no help.
    cause = error.__cause__ if isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ else error
    status = getattr(getattr(cause, "response", None), "status_code", None)
    at, reason = f" at {revision}" if revision else "", str(cause).partition("\n")[0]
    if isinstance(cause, errors.HFValidationError):
        return f"{name!r} is no folder here, and no name that the hub could know: {reason}"
    if isinstance(cause, errors.LocalTokenNotFoundError):
        return f"{name}: token=True, and no token is known: {login}."
    if isinstance(cause, errors.GatedRepoError):
        return f"{name} is gated: ask for access at {hub}/{name}, then {login} of who has it."
    if isinstance(cause, errors.RevisionNotFoundError):
        return f"{name} on the hub has no branch, tag or commit {revision!r}."
    if isinstance(cause, errors.RepositoryNotFoundError):
        return (
            f"{name} is no folder here, and no model on the hub ({hub}) that may be seen: check the name or, if it is "
            f"private, {login} of who may see it."
        )
    if status in (401, 403):
        return f"{name}: the hub ({hub}) refuses to show it ({status}): {login} of who may see it."
    if isinstance(error, errors.LocalEntryNotFoundError):
        offline = options["local_files_only"] or isinstance(cause, errors.OfflineModeIsEnabled)
        why = f"{hub} cannot be reached" + ("" if cause is error else f" ({reason})")
        why = "local_files_only or HF_HUB_OFFLINE says to ask nobody" if offline else why
        cache = options["cache_dir"] or constants.HF_HUB_CACHE
        return (
            f"{name}{at} is no folder here and not whole in the cache {cache}, and {why}. Load it once with the "
            "network, or give cache_folder=… of where it is."
        )
    return f"{name}{at} could not be downloaded ({type(error).__name__}: {reason}): try again."
