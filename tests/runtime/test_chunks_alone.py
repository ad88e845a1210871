from __future__ import annotations

import subprocess
import sys

_IMPORT = """
import sys, tiered_st.runtime.chunks
print([name for name in ("torch", "transformers", "sentence_transformers", "scipy", "onnx") if name in sys.modules])
"""


def test_chunk_vectors_need_numpy_and_onnxruntime_alone() -> None:
    done = subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
