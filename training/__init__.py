"""Train tiered models: recipes, stages, and the runner `python -m training.run`."""
