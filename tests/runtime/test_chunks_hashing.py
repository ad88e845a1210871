from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import TOY

from tiered_st.modules import hashing as torch_hashing
from tiered_st.modules.hashed_ngrams import HashedNgrams
from tiered_st.runtime.chunks import hashing
from tiered_st.runtime.chunks.hashed_ngrams import NgramBuckets
from tiered_st.text.tokenizer import END, START


@pytest.mark.parametrize("changes", [{}, {"leave_one_out": False}, {"ngram_sizes": (3, 40)}, {"ngram_sizes": ()}])
@pytest.mark.parametrize("buckets", [1, 97, 26_624])
def test_buckets_are_those_of_torch(changes: dict, buckets: int) -> None:
    config = TOY.replace(ngram_buckets=buckets, **changes)
    random = np.random.default_rng(0)
    ours, theirs = NgramBuckets(config), HashedNgrams(config)
    for chars in range(2, 34):
        lengths = random.integers(2, chars + 1, 40)
        lengths[0] = chars
        ids = random.integers(32, 512, (40, chars))
        ids[np.arange(chars) >= lengths[:, None]] = 0
        ids[:, 0], ids[np.arange(40), lengths - 1] = START, END
        expected = theirs.bucket_ids(torch.from_numpy(ids), torch.from_numpy(lengths)).numpy()
        np.testing.assert_array_equal(ours(ids, lengths).transpose(0, 2, 1), expected)


def test_rows_hash_as_in_torch() -> None:
    rows = np.random.default_rng(0).integers(0, 512, (1000, 32))
    expected = torch_hashing.hash_rows(torch.from_numpy(rows)).numpy().view(np.uint64)
    np.testing.assert_array_equal(hashing.hash_rows(rows), expected)
    np.testing.assert_array_equal(hashing.hash_rows(rows.astype(np.int16)), expected)
