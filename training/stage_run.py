"""Train one stage of a recipe: one run of the stock SentenceTransformerTrainer."""

from __future__ import annotations

import argparse
import logging
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
from torch.utils.data import BatchSampler, ConcatDataset, SequentialSampler

from training import ranks
from training.callbacks import Clock, JsonLog, LossHeads, OwnSeed, Progress, Seal
from training.checkpoints import latest_checkpoint
from training.freezing import select_parameters, set_gradient_checkpointing
from training.judging import Judging
from training.precision import has_bf16
from training.recipe import Stage
from training.stage_objectives import make_losses, make_task
from training.streams.opening import Opening, OpeningSampler
from training.targets import Targets
from training.tasks import TaskCollator

logger = logging.getLogger("training")


class RankTrainer(SentenceTransformerTrainer):
    """Let one rank write the checkpoint's model: the stock trainer lets all of them write the same files."""

    opening: Opening | None = None

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        if self.args.should_save:
            super()._save(output_dir, state_dict)

    def get_multi_dataset_batch_sampler(
        self, dataset: ConcatDataset[Any], batch_samplers: list[BatchSampler], *args: Any, **kwargs: Any
    ) -> BatchSampler:
        """Return the sampler of a stage, one that opens windows where there are streams."""
        if self.opening is None:
            return super().get_multi_dataset_batch_sampler(dataset, batch_samplers, *args, **kwargs)
        sampler = OpeningSampler(dataset, batch_samplers, *args, **kwargs)
        sampler.opening = self.opening
        return sampler


def sequential(dataset: Dataset, **settings: Any) -> DefaultBatchSampler:
    """Keep the draws in order: the tasks have shuffled them, batch by batch."""
    return DefaultBatchSampler(SequentialSampler(dataset), **settings)


def attention(*, on_cpu: bool) -> AbstractContextManager[None]:
    """Choose plain attention on a CPU: the fused kernel's backward pass took a third of a step of short texts there."""
    return sdpa_kernel(SDPBackend.MATH) if on_cpu else nullcontext()


def judging_of(
    targets: Targets, model: SentenceTransformer, stage: Stage, log: JsonLog, chunks: int | None, deadline: float | None
) -> list[Judging]:
    """Return the callback that judges a stage, if it is to be judged."""
    if not stage.judged:
        return []
    assert targets.jury is not None, "a recipe with a judged stage has judges"
    targets.jury.prepare()
    keep_best = stage.keep == "best"
    return [
        Judging(targets.jury, model, log, times=stage.judged, keep_best=keep_best, chunks=chunks, deadline=deadline)
    ]


def train_stage(
    targets: Targets, model: SentenceTransformer, stage: Stage, out: Path, args: argparse.Namespace
) -> bool:
    """Train one stage in place; return whether it was finished."""
    chosen = select_parameters(model, stage.learns)
    processes = ranks.count()
    logger.info(
        "stage %s: %d parameter tensors learn, %d rows per step (%d × %d processes)",
        stage.name, len(chosen), stage.batch * processes, stage.batch, processes,
    )  # fmt: skip
    longest, model.max_seq_length = model.max_seq_length, stage.chunks
    set_gradient_checkpointing(model, stage.gradient_checkpointing)
    model.model_card_data.widget = [{"text": "sentence embedings"}]  # else the trainer looks for texts among the draws
    total = sum(row.share for row in stage.objectives)
    steps = {row.name: max(1, round(stage.steps * row.share / total)) for row in stage.objectives}
    datasets = DatasetDict(
        {name: Dataset.from_dict({"draw": range(count * stage.batch * processes)}) for name, count in steps.items()}
    )
    seed = targets.corpus.recipe.seed
    torch.manual_seed(seed)  # the losses' heads are the same, whatever stage this process began with
    tasks = {row.name: make_task(targets, stage, row) for row in stage.objectives}
    losses = make_losses(targets, model, stage)
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
        seed=seed,
        batch_sampler=sequential,
        multi_dataset_batch_sampler="proportional",
        dataloader_num_workers=args.workers,
        logging_steps=args.log_steps,
        save_strategy="no",  # Clock decides
        save_total_limit=3 if stage.keep == "best" else 2,
        report_to="none",
        disable_tqdm=args.quiet or ranks.rank() > 0,
        ddp_timeout=round(60 * args.rank_minutes),
    )
    if arguments.n_gpu > 1:
        raise ValueError(f"{arguments.n_gpu} devices, one process: start one for each by `accelerate launch`.")
    heads, log = LossHeads(losses), JsonLog(out.parent / "log.jsonl", stage.name)
    judging = judging_of(targets, model, stage, log, longest, args.deadline)
    chunks = {row.name: row.chunks for row in stage.objectives if row.chunks}
    collator = TaskCollator(preprocess_fn=model.preprocess, tasks=tasks, model=model, chunks=chunks)
    trainer = RankTrainer(
        model=model,
        args=arguments,
        train_dataset=datasets,
        loss=losses,
        data_collator=collator,
        callbacks=[
            log,
            *judging,
            Clock(args.save_minutes * 60, args.deadline),
            Progress(losses),
            OwnSeed(),
            heads,
            Seal(log),
        ],
    )

    if (streams := targets.corpus.streams) is not None:
        trainer.opening = Opening(targets, streams, tasks, args.workers)

    def newest() -> Path | None:
        needs = ((LossHeads.FILE,) if heads.heads else ()) + tuple(
            f"rng_state_{rank}.pth" for rank in range(processes if processes > 1 else 0)
        )
        found = latest_checkpoint(out / "checkpoints", needs=needs, processes=processes)
        log.restore(found)
        for each in judging:
            each.restore(out / "checkpoints")
        return found

    checkpoint = ranks.agree(newest)
    heads.restore(checkpoint)
    if trainer.opening is not None and checkpoint is not None:
        trainer.opening.first = int(checkpoint.name.rpartition("-")[2])
    with attention(on_cpu=on_cpu):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    model.max_seq_length = longest
    finished = trainer.state.global_step >= trainer.state.max_steps
    if finished and stage.keep == "best" and (best := judging[0].best_before(trainer.state.global_step)) is not None:
        logger.info("stage %s: step %d was the best, and is what the stage ends with", stage.name, best)
        trainer._load_from_checkpoint(str(out / "checkpoints" / f"checkpoint-{best}"))
    return finished
