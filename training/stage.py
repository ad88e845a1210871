"""The old path of `training.recipe`."""

from tiered_st.moved import moved

__getattr__ = moved(__name__, Ramp="training.row", Recipe="training.recipe", Stage="training.recipe")
