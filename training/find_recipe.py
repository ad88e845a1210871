"""Find a recipe by its name, or in a file of one's own."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

from training.stage import Recipe


def find_recipe(name: str) -> Recipe:
    """Return a recipe by the name of its file in training/recipes, or by the path of a file of one's own.

    FILE/VARIANT names one of several that a file holds.

    Raises:
        ValueError: If there is none; says which there are.
    """
    path, is_path, variant = name.partition(".py")
    if is_path:
        file, module = f"{path}.py", _run_file(Path(f"{path}.py"))
        variant = variant.removeprefix("/")
    else:
        known = sorted(p.stem for p in (Path(__file__).parent / "recipes").glob("*.py") if not p.stem.startswith("_"))
        stem, _, variant = name.partition("/")
        stem = stem.replace("-", "_")
        if stem not in known:
            raise ValueError(
                f"No recipe is called {name!r}: choose from {', '.join(known)}, or give the path of a file (….py)."
            )
        file, module = f"training/recipes/{stem}.py", importlib.import_module(f"training.recipes.{stem}")
    if isinstance(getattr(module, "RECIPE", None), Recipe) and not variant:
        return module.RECIPE
    variants: dict[str, Recipe] = getattr(module, "RECIPES", {})
    if variant not in variants:
        short = file if is_path else stem
        raise ValueError(
            f"{file} holds no {variant or 'RECIPE'!r}: choose from "
            f"{', '.join(f'{short}/{known}' for known in variants) or short}."
        )
    return variants[variant]


def _run_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"{path} does not exist: give the path of a recipe, or the name of one in training/recipes.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
