"""What the suites read, and what they do to it: kit files, collections, typos, changed meanings, hard negatives.

In: the data kit's parquet files. Out: texts with their labels, clean and changed, the same for every model.
"""
