"""A model by its name: what ships, folders, and the hub."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

from tiered_st.model_folder import ALLOWED_MODULES
from tiered_st.modules import SemanticEncoder, TieredInput

ROOT = Path(__file__).parent.parent
REFUSING = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "transformers", "sentence_transformers", "scipy"}:
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Refuse())
"""


def test_names_are_found_without_torch() -> None:
    code = REFUSING + (
        "import tiered_st\n"
        "from tiered_st import hub, model_folder\n"
        "folder = hub.folder_of('en-nano')\n"
        "assert str(folder) == tiered_st.path('en-nano') and 'en-nano' in tiered_st.pretrained()\n"
        "assert 'huggingface_hub' not in sys.modules\n"
        "print(*(row.kind for row in model_folder.module_rows(folder)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.split() == ["TieredInput", "SemanticEncoder", "Pooling", "Normalize"], done.stderr


@pytest.mark.parametrize("kind", [TieredInput, SemanticEncoder, Pooling, Normalize])
def test_classes_are_allowed_where_they_are_saved_from(kind: type) -> None:
    assert ALLOWED_MODULES[f"{kind.__module__}.{kind.__name__}"] == kind.__name__
