"""What should E1 be?"""

from training.ablation import READING, variants

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
)
