"""Write the model of a recipe before it has learned: ``python -m training.untrained RECIPE --data DIR --out DIR``.

What a grown memory reads at once, or a warm start, is then measured as any other model is. No teacher is asked about
texts.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from training.build import build_model, finish, targets_of
from training.recipe_files import find_recipe
from training.run import save, taught_by
from training.tables import check_tables


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0].partition(":")[0] + ".")
    parser.add_argument("recipe", help="name of a file in training/recipes, e.g. en_es, or my_recipe.py")
    parser.add_argument("--data", type=Path, help="folder of tables (sources named hub:… need none)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: the model is OUT/model")
    parser.add_argument("--teacher", help="another teacher: a hub name, a folder, or package:NAME")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 … (default: the best there is)")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S")
    try:
        recipe = find_recipe(args.recipe)
        if args.teacher:
            recipe = taught_by(recipe, args.teacher)
        check_tables(recipe, args.data)
        torch.manual_seed(recipe.seed)
        model = build_model(recipe, targets_of(recipe, args.data, args.out / "cache", args.device))
        finish(model, recipe, args.data)
        save(model, args.out / "model", recipe)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{args.out / 'model'}: {recipe.name}, before it has learned")
    return 0


if __name__ == "__main__":
    sys.exit(main())
