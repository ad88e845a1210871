"""What should E1 be?"""

from dataclasses import replace

from training.ablation import READING, WORDS_STAGE, variants

# Half of the steps of mimicry go to telling apart the words that the memory has a slot for.
RECOGNISING = replace(
    WORDS_STAGE, objectives=(*WORDS_STAGE.objectives[1:], ("mimicry", 0.4), ("recognition", 0.4, 0.5))
)
MEMORY = dict(memory_slots=8_192, stages=(RECOGNISING,))

RECIPES = variants(
    READING,
    ngrams_only=dict(char_layers=0),
    transformer_only=dict(ngram_buckets=0, char_layers=2),
    convolution_only=dict(ngram_buckets=0, char_layers=2, char_mixer="convolution"),
    ngrams_and_convolution=dict(char_mixer="convolution"),
    no_leave_one_out=dict(leave_one_out=False),
    quarter_of_the_buckets=dict(ngram_buckets=4_096),
    four_times_the_buckets=dict(ngram_buckets=65_536),
    table_a_third_as_wide=dict(ngram_width=32),
    alibi=dict(char_positions="alibi"),
    no_positions=dict(char_positions="none"),
    memory=MEMORY,
    memory_and_ngrams_only=MEMORY | dict(char_layers=0),
    memory_that_is_not_taught=dict(memory_slots=8_192),
)
