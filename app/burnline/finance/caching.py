"""What prompt caches bring in, and what they and embeddings cost.

The sums are those of FOCUS' examples of prompt caching (`specification/appendix/ai_prompt_caching_examples.md` of
FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec, scenario A: cache writes charged separately), in one period:

    input side               = fresh input + cache reads + cache writes, as charged
    without caching          = the same tokens, all at the plain input rate
    reduction                = without caching - input side = savings - premium
    savings                  = cache-read tokens × (input rate - cache-read rate)
    premium                  = cache-write tokens × (cache-write rate - input rate), the investment
    return                   = reduction / premium

FOCUS' example: 31.50 - 11.40 = 20.10 USD for a premium of 1.50, a return of 13.4. Charges for keeping content in a
cache (its scenario B) are no token charges, and not in the events. Embeddings pay for retrieval, which keeps prompts
short; what they cost is set against the reduction:

    net = reduction + savings of semantic caches - cost of embeddings

A semantic cache answers without a model: nothing is called, and saved is what the call would have cost.
"""

from decimal import Decimal
from typing import NamedTuple

import polars as pl

from burnline.finance.allocation import share
from burnline.finance.frames import COLUMNS, Dimension, Totals, totals

EMBEDDING = "embedding"
SEMANTIC_SAVINGS = "semantic_savings_pico_usd"
CACHE_HITS = "cache_hits"


class CacheImpact(NamedTuple):
    """What caches did for some usage: amounts in pico-USD, ratios to six decimals.

    Attributes:
        hit_ratio: Share of the input tokens that were read from a cache; None without input.
        returned: Reduction per premium; None where no premium was paid.
    """

    input_side: int
    without_cache: int
    savings: int
    premium: int
    reduction: int
    hit_ratio: Decimal | None
    returned: Decimal | None


class Roi(NamedTuple):
    """Caches and embeddings together, in pico-USD."""

    cache: CacheImpact
    semantic_savings: int
    embedding_cost: int
    net: int


def cache_impact(used: Totals) -> CacheImpact:
    """What caches did for this usage."""
    input_side = used.input_cost + used.cached_input_cost + used.cache_write_cost
    reduction = used.cache_savings - used.cache_write_premium
    return CacheImpact(
        input_side=input_side,
        without_cache=input_side + reduction,
        savings=used.cache_savings,
        premium=used.cache_write_premium,
        reduction=reduction,
        hit_ratio=share(used.cached_input_tokens, used.input_tokens),
        returned=share(reduction, used.cache_write_premium),
    )


def roi(frame: pl.DataFrame) -> Roi:
    """What the usage of a frame got back from caches, less its embeddings."""
    whole = totals(frame)
    cache, semantic = cache_impact(whole), whole.rare.get(SEMANTIC_SAVINGS, 0)
    embedding_cost = totals(frame.filter(pl.col(COLUMNS[Dimension.KIND]) == EMBEDDING)).cost
    return Roi(cache, semantic, embedding_cost, cache.reduction + semantic - embedding_cost)
