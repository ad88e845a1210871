"""Recipes were described here in version 0.1: import from training.recipe."""

import warnings

from training.recipe import Ramp, Recipe, Stage

__all__ = ["Ramp", "Recipe", "Stage"]

warnings.warn("training.stage is now training.recipe: import from there.", DeprecationWarning, stacklevel=2)
