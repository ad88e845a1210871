"""Train on more than memory holds: sources come in as streams, windows of shuffled texts go out, one held at a time.

The way through: stream_config (what a recipe says) → open_source (datasets' streaming) → row_reader (filters, limits;
where it stands) → window_cutter (windows, told apart) → window_writer and windows (files that ranks and workers read)
→ streamed_task (a draw's row, by the tasks that also read lists) and window_vectors (what the teacher says of them),
opened by the sampler of opening just before their first batch. word_counts count the lexicon in a pass of their own.
Streams makes all of these for a recipe.
"""
