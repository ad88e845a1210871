"""Run code where torch and what needs it cannot be imported, as in an installation without them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
_REFUSING = """
import importlib.abc, sys
class Refusing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "sentence_transformers", "scipy"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refusing())
"""


def run_without_torch(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a process of its own; it has ``arguments`` as ``sys.argv[1:]``."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _REFUSING + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def printed_without_torch(code: str, *arguments: object) -> str:
    """Return what ``code`` prints; an error there fails the test with its text."""
    done = run_without_torch(code, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
