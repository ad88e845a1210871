"""What should E1 be, and how far should a character see?"""

from training.ablation import variants

RECIPES = variants(
    ngrams_only=dict(char_layers=0),
    transformer_only=dict(ngram_buckets=0, char_layers=2),
    convolution_only=dict(ngram_buckets=0, char_layers=2, char_mixer="convolution"),
    ngrams_and_convolution=dict(char_mixer="convolution"),
    no_leave_one_out=dict(leave_one_out=False),
    table_of_a_quarter=dict(ngram_buckets=4_096),
    table_a_third_as_wide=dict(ngram_width=32),
    alibi=dict(char_positions="alibi"),
    no_positions=dict(char_positions="none"),
    sees_the_text=dict(char_span="text"),
    sees_the_text_before=dict(char_span="causal"),
)
