"""What an installation takes on disk, with and without torch: ``python -m benchmarks.speed.install_size [WHEEL]``.

Two environments are made in a temporary folder by the lines that a user types, and their packages are weighed, compiled
files included; pip itself is left out. The result is kept in benchmarks/results/speed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.speed.stored import SPEED
from benchmarks.store import provenance, write_json

ROOT = Path(__file__).parents[2]
# What pip is told after "pip install", a line each; {wheel} is this package.
LINES = {
    "without torch": (
        "--no-deps {wheel}", "onnxruntime numpy safetensors tqdm typing_extensions",
    ),
    "with torch": ("-c {root}/constraints.txt {wheel}",),
}  # fmt: skip
WEIGH = """
import json, os
from importlib.metadata import distributions
weights = {}
for each in distributions():
    places = {os.path.realpath(each.locate_file(file)) for file in each.files or ()}
    weights[each.metadata["Name"].lower()] = sum(os.path.getsize(place) for place in places if os.path.isfile(place))
print(json.dumps(weights))
"""


def bytes_by_package(python: Path) -> dict[str, int]:
    """Return the bytes that each package of an environment takes, the largest first; without pip."""
    done = subprocess.run([str(python), "-c", WEIGH], capture_output=True, text=True, check=True)
    found: dict[str, int] = json.loads(done.stdout)
    kept = {name: size for name, size in found.items() if name not in ("pip", "setuptools")}
    return dict(sorted(kept.items(), key=lambda item: -item[1]))


def install(lines: Sequence[str], wheel: Path, folder: Path) -> dict[str, int]:
    """Make an environment in ``folder`` by lines for pip, and weigh it.

    Raises:
        ValueError: If pip fails; the text ends as pip's does.
    """
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    for line in lines:
        arguments = [part.format(wheel=wheel, root=ROOT) for part in line.split()]
        done = subprocess.run(
            [str(python), "-m", "pip", "install", "-q", *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ValueError(f"pip install {line} failed: {done.stderr.strip()[-300:]}")
    return bytes_by_package(python)


def main(argv: Sequence[str] | None = None) -> int:
    """Install, weigh, store and print; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.install_size", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("wheel", nargs="?", type=Path, help="default: built from this checkout")
    parser.add_argument("--out", type=Path, default=SPEED, metavar="DIR", help="default: benchmarks/results/speed")
    args = parser.parse_args(argv)
    sides: dict[str, Any] = {}
    with TemporaryDirectory() as folder:
        try:
            wheel = args.wheel or _build(Path(folder))
            for place, (side, lines) in enumerate(LINES.items()):
                sides[side] = install(lines, wheel.resolve(), Path(folder) / str(place))
        except (ValueError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    made = provenance("benchmarks.speed.install_size")
    write_json(args.out / "cpu-install.json", {"lines": LINES, "sides": sides, "provenance": made})
    for side, weights in sides.items():
        largest = ", ".join(f"{name} {size / 1e6:.1f}" for name, size in list(weights.items())[:8])
        print(f"{side}: {sum(weights.values()) / 1e6:.0f} MB ({largest})")
    return 0


def _build(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"the wheel could not be built: {done.stderr.strip()[-300:]}")
    return next(folder.glob("*.whl"))


if __name__ == "__main__":
    sys.exit(main())
