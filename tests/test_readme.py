"""The README's blocks are found as a reader finds them, so that what is tried is what is written there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import readme

TEXT = """# Title

<!-- without torch -->

```bash
# a comment, no heading
pip install --no-deps tiered-st
```

```bash
not marked
```

<!-- without torch -->
```python
print("found")
```
"""


@pytest.fixture(autouse=True)
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "README.md").write_text(TEXT)
    monkeypatch.setattr(readme, "README", tmp_path / "README.md")


def test_marked_blocks_are_found_in_order() -> None:
    assert readme.marked("without torch") == [
        ("bash", "# a comment, no heading\npip install --no-deps tiered-st\n"),
        ("python", 'print("found")\n'),
    ]
    assert readme.marked("without") == []


def test_blocks_of_a_heading_are_found_by_their_language() -> None:
    assert readme.block("Title", "bash", 1) == "not marked\n"
    with pytest.raises(ValueError, match="no block 2 of bash under 'Title'"):
        readme.block("Title", "bash", 2)


def test_marked_blocks_are_written_to_a_folder(tmp_path: Path) -> None:
    subprocess.run([sys.executable, readme.__file__, "--marked", "no such mark", str(tmp_path)], check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
