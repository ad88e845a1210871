"""Judge a model while it learns, on rows that it never learns from.

A recipe's judges (Judge) come in. HeldOut chooses the rows of each and keeps them out of training, Jury asks
sentence-transformers' evaluators about them, and Judging, a callback of the trainer, says when, logs the figures and
remembers the best checkpoint.
"""

from training.judging.held_out import HeldOut
from training.judging.judge import Judge
from training.judging.judging import Judging
from training.judging.jury import Jury

__all__ = ["HeldOut", "Judge", "Judging", "Jury"]
