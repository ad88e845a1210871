"""Average the weights of models: ``python -m training.average RUN/5_again/model RUN/model --out MODEL``.

Checkpoints of one training that lie some way apart err in different directions; their mean is often better than each of
them, and costs nothing (Izmailov et al. 2018, Averaging Weights Leads to Wider Optima and Better Generalization). What
says by a text which word a misspelling means is left out: `python -m training.spelling_context` teaches it to the mean.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer

from tiered_st.model import load, set_storage
from tiered_st.modules.tiered_input import TieredInput


def average(models: Sequence[SentenceTransformer]) -> SentenceTransformer:
    """Give the first model the mean of all models' weights, and return it.

    Raises:
        ValueError: If there are fewer than two, or their weights are not of the same names and shapes.
    """
    if len(models) < 2:
        raise ValueError("one model has no mean: name two or more.")
    for model in models:
        if isinstance(model[0], TieredInput):
            model[0].set_spelling_context(None)
    states = [{name: value for name, value in model.state_dict().items() if _is_weight(value)} for model in models]
    first, *others = states
    for other in others:
        if {n: v.shape for n, v in other.items()} != {n: v.shape for n, v in first.items()}:
            raise ValueError("the models' weights differ in names or shapes: average checkpoints of one training.")
    with torch.no_grad():
        for name, value in first.items():
            value.copy_(torch.stack([state[name].double() for state in states]).mean(dim=0))
    return models[0]


def _is_weight(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0] + ".")
    parser.add_argument("models", nargs="+", metavar="MODEL", help="folders; settings are those of the first")
    parser.add_argument("--out", type=Path, required=True, help="folder of the new model")
    parser.add_argument("--storage", default="int8", help="what its file keeps (default int8)")
    args = parser.parse_args(argv)
    try:
        model = average([load(name, device="cpu") for name in args.models])
        set_storage(model, args.storage)
        model.save_pretrained(str(args.out), create_model_card=False)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
