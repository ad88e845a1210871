"""What does without torch is imported without it, and what does not says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from without_torch import ROOT, printed_without_torch, run_without_torch

FREE = ("text", "saved", "records", "indexes", "cli", "documents", "noise", "runtime", "scale", "teaching")
FILES = (
    "config",
    "files",
    "file_lock",
    "fingerprint",
    "learned_words",
    "weight_hash",
)


def test_every_file_that_needs_no_torch_is_imported_without_it() -> None:
    package = ROOT / "tiered_st"
    paths = [path for name in FREE for path in (package / name).rglob("*.py") if path.stem != "__main__"]
    paths += [package / f"{name}.py" for name in FILES]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    code = "import importlib, sys\nprint(len([importlib.import_module(name) for name in sys.argv[1:]]))"
    assert printed_without_torch(code, *names) == str(len(names)) and len(names) > 60


@pytest.mark.parametrize("name", ["load", "build", "set_storage", "tabulate"])
def test_what_needs_torch_says_so_and_what_there_is_instead(name: str) -> None:
    done = run_without_torch(f"import tiered_st; tiered_st.{name}")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: tiered_st.{name} needs ") and last.endswith("by tiered_st.runtime.load")


def test_where_shipped_models_lie_is_known_without_torch() -> None:
    code = "import tiered_st; print(tiered_st.path(tiered_st.pretrained()[0]))"
    assert Path(printed_without_torch(code)).is_dir()
