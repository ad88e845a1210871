"""Measure models side by side, on the same texts.

`suites/` are what is measured, `texts/` what they read, `peers/` whom we are measured against, `speed/` time and size,
`results/` what was found, and `report/` turns that into tables and figures. `run` measures, `ship` ships a model.
"""
