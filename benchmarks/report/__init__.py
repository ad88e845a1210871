"""From stored results to what people read: tables, aims, figures, and the README's and cards' short tables.

In: benchmarks/results. Out: ``python -m benchmarks.report [--plots] [--write]`` prints the tables, draws the figures
and writes both into the pages; ``python -m benchmarks.report.ablation`` does so for the ablations.
"""
