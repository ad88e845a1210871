"""One file per recipe: a tuple of Stage rows that reads like a paper's training table."""
