"""Open what lies behind a URL, such as s3://bucket/texts.jsonl.gz, by fsspec."""

from __future__ import annotations

from typing import Any, BinaryIO

from tiered_st.records.rows import InputError


def is_url(path: str) -> bool:
    """Tell whether a path is one that fsspec has to open."""
    return "://" in path


def file_system(url: str) -> tuple[Any, str]:
    """Return the file system of fsspec that a URL names, and the path in it; it is asked anew each time.

    Raises:
        InputError: if fsspec, or what it needs for such URLs, is not installed, or it knows none such.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise InputError(f"{url}: opening URLs needs fsspec: pip install fsspec") from None
    try:
        fs, path = url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError) as error:  # fsspec names the package that is missing
        raise InputError(f"{url}: {error}") from None
    return fs, str(path)


def open_url(url: str) -> BinaryIO:
    """Open a URL to read.

    Raises:
        InputError: if it cannot be opened.
        OSError: if there is no such file.
    """
    fs, path = file_system(url)
    try:
        file: BinaryIO = fs.open(path, "rb")
    except OSError:
        raise
    except Exception as error:  # of a client of a store: no credentials, no route
        raise InputError(f"{url}: cannot be opened ({type(error).__name__}: {error})") from None
    return file
