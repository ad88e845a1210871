"""Benchmarks: a seeded protocol that measures any sentence-transformers model beside ours (needs a checkout)."""
