"""Start E2 as a teacher's layers: all or some of them, whole or with fewer feed-forward units."""

from training.warm_start.layers import body_config, warm_start

__all__ = ["body_config", "warm_start"]
