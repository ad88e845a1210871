"""Turn draws into training rows: the same draw always gives the same row, whatever was killed and resumed."""

from training.tasks.collator import Task, TaskCollator
from training.tasks.documents import NextSentenceTask
from training.tasks.labelled import LabelledTask
from training.tasks.noise import Noise
from training.tasks.pairs import PairTask
from training.tasks.texts import SpacingTask, TextTask
from training.tasks.words import WordTask

__all__ = [
    "LabelledTask",
    "NextSentenceTask",
    "Noise",
    "PairTask",
    "SpacingTask",
    "Task",
    "TaskCollator",
    "TextTask",
    "WordTask",
]
