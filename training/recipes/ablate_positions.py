"""How should E2 learn the order of chunks?"""

from training.ablation import JOINT, variants

RECIPES = variants(
    JOINT,
    alibi=dict(sem_positions="alibi"),
    absolute=dict(sem_positions="absolute"),
    learned=dict(sem_positions="learned"),
)
