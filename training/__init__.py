"""Train tiered models: tables and a recipe come in, a model that has learned goes out; `python -m training.run`.

The way through: recipe (Recipe, Stage, Row, Ramp; recipes/ are those of this house, recipe_files finds them) → corpus
(what is read, by way of sources, read_table, tables, words; as windows of streams/ where it is more than memory
holds; machine_translation and, by question_words, made_questions make tables of others) → student (who learns) and
targets (what its teacher says) → build (the model, from a warm_start) → objectives/ (what is practised, on rows of
tasks/) → stage_run (the trainer, with freezing and callbacks; judging/ says meanwhile how good the model is, on rows
held out of all this) → checkpoints → run (the command line). log reads what a run said, and curves draws it. Of
models that have learned, average makes the mean, and spelling_context, last of all, teaches one which word a
misspelling means, by a reading of its letters and by its text.

The shipped path is recipes/en_small, en_mini and en_nano; ablations and baselines are what it is compared with.
"""
