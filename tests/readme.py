"""Take blocks of code out of the README, as a reader copies them.

``python tests/readme.py "Six lines" python`` prints a block under a heading; ``python tests/readme.py --marked "without
torch" FOLDER`` writes the blocks that follow a comment ``<!-- without torch -->`` into a folder, in order.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def blocks(heading: str, language: str) -> list[str]:
    """Return the blocks of code in a language (what their fences name) under a heading of the README, in order."""
    text = README.read_text(encoding="utf-8")
    section = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", _hide_comments(text), re.MULTILINE | re.DOTALL)
    found = re.findall(rf"^```{language}\n(.*?)^```", section[1], re.MULTILINE | re.DOTALL) if section else []
    return [code.replace("\0", "#") for code in found]


def marked(mark: str, page: Path | None = None) -> list[tuple[str, str]]:
    """Return language and code of each block that a comment ``<!-- mark -->`` opens, in the order of the README.

    Args:
        mark: what the comment says.
        page: instead of the README.
    """
    text = (page or README).read_text(encoding="utf-8")
    return re.findall(rf"^<!-- {re.escape(mark)} -->\n+```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def block(heading: str, language: str, number: int = 0) -> str:
    """Return a block of code under a heading of the README.

    Args:
        heading: the heading's text.
        language: what the block's fence names, such as "python" or "bash".
        number: which of the section's blocks in that language.

    Raises:
        ValueError: if there is none.
    """
    found = blocks(heading, language)
    if number >= len(found):
        raise ValueError(f"README.md has no block {number} of {language} under {heading!r}.")
    return found[number]


def _hide_comments(text: str) -> str:
    """Replace the # of comments inside of blocks, which would read as headings."""
    return re.sub(r"^```.*?^```", lambda found: found[0].replace("#", "\0"), text, flags=re.MULTILINE | re.DOTALL)


if __name__ == "__main__":
    if sys.argv[1] == "--marked":
        for number, (language, code) in enumerate(marked(sys.argv[2])):
            Path(sys.argv[3], f"{number:02d}.{language}").write_text(code, encoding="utf-8")
    else:
        print(block(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0), end="")
