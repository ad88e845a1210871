"""What it costs to embed, index and search more than one process or its memory holds: ``benchmarks/scale``.

In: the kit's texts, recombined into as many rows as are asked for (`texts`), and vectors of them (`vectors`). Out: a
JSON file per command in benchmarks/results/scale, which `benchmarks.report` renders and `arithmetic` reckons with.
"""
