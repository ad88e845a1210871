"""Passages of Wikipedia in English and translated: en-es goes on from what ships. See benchmarks/RESULTS.md.

It is es_search with more to read, on two cores; ``--relater`` names the second teacher as there.
"""

from dataclasses import replace

from training import english, spanish
from training.recipes.es_search import RECIPE as ES_SEARCH
from training.sources import at_most

RECIPE = replace(
    ES_SEARCH,
    name="es-articles",
    parallel=ES_SEARCH.parallel + at_most(12_000, spanish.TRANSLATED_ARTICLES),
    candidates=(*ES_SEARCH.candidates, replace(english.ARTICLES, limit=2_000), *at_most(8_000, spanish.ARTICLES)),
)
