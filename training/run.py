"""Train a recipe: `python -m training.run RECIPE --data DIR --out DIR`.

Every stage is one run of the stock SentenceTransformerTrainer. Killed at any moment, the same command goes on from the
last checkpoint; with --max-minutes it stops by itself, cleanly, and the same command goes on later. Several GPUs:
`accelerate launch -m training.run …`.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, DatasetDict
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.sampler import DefaultBatchSampler
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import SequentialSampler

from tiered_st.files import replace_file, replace_folder
from tiered_st.model import load, set_storage
from tiered_st.modules.stored import StoredModule
from training.assemble import Workshop, select_parameters, set_gradient_checkpointing
from training.callbacks import Deadline, JsonLog, LossHeads, Progress, TimedCheckpoints
from training.objectives import make_task
from training.precision import has_bf16
from training.stage import Recipe, Stage
from training.tasks import TaskCollator

logger = logging.getLogger("training")


def sequential(dataset: Dataset, **settings: Any) -> DefaultBatchSampler:
    """Keep the draws in order: the tasks have shuffled them, batch by batch."""
    return DefaultBatchSampler(SequentialSampler(dataset), **settings)


def find_recipe(name: str) -> Recipe:
    """Return a recipe by the name of its file in training/recipes, and FILE/VARIANT where the file holds several."""
    known = sorted(p.stem for p in (Path(__file__).parent / "recipes").glob("*.py") if not p.stem.startswith("_"))
    file, _, variant = name.partition("/")
    file = file.replace("-", "_")
    if file not in known:
        raise ValueError(f"No recipe is called {name!r}: choose from {', '.join(known)}.")
    module = importlib.import_module(f"training.recipes.{file}")
    if hasattr(module, "RECIPE") and not variant:
        return module.RECIPE
    variants: dict[str, Recipe] = getattr(module, "RECIPES", {})
    if variant not in variants:
        raise ValueError(
            f"training/recipes/{file}.py holds no {variant or 'RECIPE'!r}: choose from "
            f"{', '.join(f'{file}/{known}' for known in variants) or file}."
        )
    return variants[variant]


def latest_checkpoint(folder: Path, *, needs: tuple[str, ...] = ()) -> str | None:
    """Return the newest complete checkpoint in ``folder``; those without every file ``needs`` names are removed."""
    needs = ("modules.json", "optimizer.pt", "trainer_state.json", *needs)
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    complete = [path for path in found if all((path / name).is_file() for name in needs)]
    for path in set(found) - set(complete):
        shutil.rmtree(path)
    return str(complete[-1]) if complete else None


def attention(*, on_cpu: bool) -> AbstractContextManager[None]:
    """Choose plain attention on a CPU: the fused kernel's backward pass took a third of a step of short texts there."""
    return sdpa_kernel(SDPBackend.MATH) if on_cpu else nullcontext()


def train_stage(
    workshop: Workshop, model: SentenceTransformer, stage: Stage, out: Path, args: argparse.Namespace
) -> bool:
    """Train one stage in place; return whether it was finished."""
    chosen = select_parameters(model, stage.learns)
    logger.info("stage %s: %d parameter tensors learn", stage.name, len(chosen))
    longest, model.max_seq_length = model.max_seq_length, stage.chunks
    set_gradient_checkpointing(model, stage.gradient_checkpointing)
    model.model_card_data.widget = [{"text": "sentence embedings"}]  # else the trainer looks for texts among the draws
    total = sum(row.share for row in stage.objectives)
    steps = {row.name: max(1, round(stage.steps * row.share / total)) for row in stage.objectives}
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    datasets = DatasetDict(
        {name: Dataset.from_dict({"draw": range(count * stage.batch * processes)}) for name, count in steps.items()}
    )
    tasks = {name: make_task(workshop, stage, name) for name in steps}
    losses = workshop.losses(model, stage.objectives)
    on_cpu = model.device.type == "cpu"
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(out / "checkpoints"),
        num_train_epochs=1,
        per_device_train_batch_size=stage.batch,
        learning_rate=stage.rates[0][1],
        learning_rate_mapping={rf"(^|\.)model\.{prefix}\.": rate for prefix, rate in stage.rates},
        lr_scheduler_type="cosine",
        warmup_steps=round(stage.warmup * sum(steps.values())),
        optim="adamw_torch_fused",
        bf16=has_bf16(model.device),
        use_cpu=on_cpu,
        seed=workshop.recipe.seed,
        batch_sampler=sequential,
        multi_dataset_batch_sampler="proportional",
        dataloader_num_workers=args.workers,
        logging_steps=args.log_steps,
        save_strategy="no",  # TimedCheckpoints decides
        save_total_limit=2,
        report_to="none",
        disable_tqdm=args.quiet,
    )
    heads = LossHeads(losses)
    collator = TaskCollator(preprocess_fn=model.preprocess, tasks=tasks)
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset=datasets,
        loss=losses,
        data_collator=collator,
        callbacks=[
            JsonLog(out.parent / "log.jsonl", stage.name),
            TimedCheckpoints(args.save_minutes * 60),
            Progress(losses),
            heads,
            *([Deadline(args.deadline)] if args.deadline else []),
        ],
    )
    checkpoint = latest_checkpoint(out / "checkpoints", needs=(LossHeads.FILE,) if heads.heads else ())
    heads.restore(checkpoint)
    with attention(on_cpu=on_cpu):
        trainer.train(resume_from_checkpoint=checkpoint)
    model.max_seq_length = longest
    return trainer.state.global_step >= trainer.state.max_steps


def run(recipe: Recipe, args: argparse.Namespace) -> bool:
    """Train a recipe from wherever it stands; return whether it is finished."""
    out: Path = args.out
    out.mkdir(parents=True, exist_ok=True)
    table = json.dumps(dataclasses.asdict(recipe), indent=1, default=str)
    record = out / "recipe.json"
    if record.is_file() and record.read_text(encoding="utf-8") != table:
        raise ValueError(f"{out} holds a run of another recipe (see {record}): give a new --out, or remove it.")
    _write(record, table)
    workshop = Workshop(recipe, args.data, args.cache or out / "cache", args.device)
    model: SentenceTransformer | None = None
    for number, stage in enumerate(recipe.stages):
        folder = out / f"{number}_{stage.name}"
        done = folder / "model"
        if (done / "modules.json").is_file():
            logger.info("stage %s: done before", stage.name)
            model = reload(done, args.device)
            continue
        model = model if model is not None else workshop.model()
        if not train_stage(workshop, model, stage, folder, args):
            logger.info("stage %s stopped by --max-minutes: the same command goes on from here", stage.name)
            return False
        save(model, done)
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    assert model is not None, "a recipe has stages"
    for module in model:
        if isinstance(module, StoredModule):
            module.settings = module.settings.replace(**dict(recipe.finally_set))
    set_storage(model, recipe.storage)
    save(model, out / "model")
    _write(out / "model" / "recipe.json", table)
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


def save(model: SentenceTransformer, folder: Path) -> None:
    """Write a model beside ``folder``, then put it in its place."""
    with replace_folder(folder) as beside:
        model.save(str(beside), create_model_card=False)


def _write(path: Path, text: str) -> None:
    with replace_file(path) as beside:
        beside.write_text(text, encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Parse arguments and train."""
    parser = argparse.ArgumentParser(prog="python -m training.run", description=__doc__.split("\n\n")[0])
    parser.add_argument("recipe", help="name of a file in training/recipes, e.g. en_small")
    parser.add_argument("--data", type=Path, help="folder of parquet files (sources named hub:… need none)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: checkpoints, log.jsonl, model")
    parser.add_argument("--cache", type=Path, help="folder of the teacher's vectors (default: OUT/cache)")
    parser.add_argument("--teacher", help="another teacher: a hub name, a folder, or package:NAME")
    parser.add_argument("--e1", help="another model to take E1 from, for recipes that take it from one")
    parser.add_argument("--seed", type=int, help="another seed than the recipe's")
    parser.add_argument("--scale", type=float, default=1.0, help="multiply the steps of every stage")
    parser.add_argument("--max-minutes", type=float, help="stop cleanly after this long")
    parser.add_argument("--save-minutes", type=float, default=5.0, help="minutes between checkpoints (default 5)")
    parser.add_argument("--log-steps", type=int, default=20, help="steps between log lines")
    parser.add_argument("--workers", type=int, default=1, help="processes that prepare batches")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 … (default: the best there is)")
    parser.add_argument("--smoke", action="store_true", help="a few tiny steps per stage, to see that it runs")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S")
    args.deadline = time.monotonic() + 60 * args.max_minutes if args.max_minutes else None
    torch.manual_seed(0)
    try:
        recipe = find_recipe(args.recipe)
        if args.teacher:
            recipe = dataclasses.replace(recipe, teacher=args.teacher)
        if args.e1:
            recipe = dataclasses.replace(recipe, e1=args.e1)
        if args.seed is not None:
            recipe = dataclasses.replace(recipe, seed=args.seed)
        if args.scale != 1.0:
            stages = (dataclasses.replace(s, steps=max(1, round(s.steps * args.scale))) for s in recipe.stages)
            recipe = dataclasses.replace(recipe, stages=tuple(stages))
        torch.manual_seed(recipe.seed)
        run(recipe.smoke() if args.smoke else recipe, args)
    except (ValueError, OSError) as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
