"""What caches and embeddings bring in and cost."""

import asyncio
from datetime import date, datetime
from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel, Field

from burnline.api.access.principal import Viewer
from burnline.api.amounts import Count, Ratio, Usd, ratio_text, unpriced_of
from burnline.api.envelope import Envelope
from burnline.api.questions import Month, Period, find, moment
from burnline.api.resources import WithResources
from burnline.finance.caching import CACHE_HITS, SEMANTIC_SAVINGS, cache_impact, roi
from burnline.finance.frames import Totals, totals
from burnline.finance.trend import trend
from burnline.pricing.money import usd_text

router = APIRouter(tags=["finance"])


class CacheUse(BaseModel):
    """What caches did, by the sums of FOCUS' examples of prompt caching."""

    input_tokens: Count = Field(description="Input tokens, cached ones included.", examples=[10500000])
    cached_input_tokens: Count = Field(description="Input tokens read from a cache.", examples=[8000000])
    cache_write_tokens: Count = Field(description="Input tokens written to a cache.", examples=[2000000])
    hit_ratio: Ratio = Field(description="Share of the input tokens that were read from a cache.")
    input_side_usd: Usd = Field(description="Input, cache reads and cache writes, as charged.", examples=["11.4"])
    without_cache_usd: Usd = Field(description="The same tokens at the plain input rate.", examples=["31.5"])
    cache_savings_usd: Usd = Field(description="What reading from caches saved.", examples=["21.6"])
    cache_write_premium_usd: Usd = Field(
        description="What writing to caches cost above the plain input rate.", examples=["1.5"]
    )
    premium_unknown_tokens: Count = Field(
        description="Cache-write tokens whose plain input rate nobody knows; not in the premium.", examples=[0]
    )
    reduction_usd: Usd = Field(description="Savings less premium.", examples=["20.1"])
    return_on_premium: Ratio = Field(description="Reduction per premium.", examples=["13.400000"])
    prompts: Count = Field(description="Events that a model or a semantic cache answered.", examples=[1200])
    semantic_hits: Count = Field(description="Of them, those answered out of a semantic cache.", examples=[300])
    semantic_savings_usd: Usd = Field(
        description="What the calls would have cost that were not made; not in the sums above.", examples=["3.2"]
    )

    @classmethod
    def of(cls, used: Totals) -> Self:
        """From sums."""
        return cls(**_cache_fields(used))


class CacheDay(CacheUse):
    """What caches did on one day."""

    date: date
    start: datetime = Field(description="When the day begins.")
    end: datetime = Field(description="When it ends, exclusive.")


class CacheImpactAnswer(Envelope):
    """What caches did, day by day."""

    period: Period
    total: CacheUse
    days: list[CacheDay] = Field(description="Every day asked for, oldest first; empty where nothing was used at all.")


class RoiAnswer(Envelope):
    """What caches saved, what embeddings cost, and what is left."""

    period: Period
    cache: CacheUse
    cache_savings_usd: Usd = Field(description="What reading from caches saved.", examples=["21.6"])
    semantic_savings_usd: Usd = Field(description="What answers out of semantic caches saved.", examples=["3.2"])
    embedding_cost_usd: Usd = Field(description="What embeddings cost.", examples=["0.6"])
    net_usd: Usd = Field(
        description="Both savings, less the premium on cache writes, less embeddings.", examples=["22.7"]
    )


@router.get("/roi-stats", summary="Do caches and embeddings pay?")
async def roi_stats(resources: WithResources, caller: Viewer, asked: Month) -> RoiAnswer:
    """Cache savings, cost of embeddings, and the net of both, over the whole period."""
    found = await find(resources, caller, asked)
    whole = await asyncio.to_thread(totals, found.frame)
    answer = await asyncio.to_thread(roi, found.frame)
    return RoiAnswer(
        **found.freshness.envelope(unpriced_of(whole)),
        period=asked.period(),
        cache=CacheUse.of(whole),
        cache_savings_usd=usd_text(answer.cache.savings),
        semantic_savings_usd=usd_text(answer.semantic_savings),
        embedding_cost_usd=usd_text(answer.embedding_cost),
        net_usd=usd_text(answer.net),
    )


@router.get("/cache-impact", summary="What did caches do, day by day?")
async def cache_impact_by_day(resources: WithResources, caller: Viewer, asked: Month) -> CacheImpactAnswer:
    """A time series of how much input came out of caches, what that saved, and what it cost to fill them."""
    found = await find(resources, caller, asked)
    answer = await asyncio.to_thread(trend, found.frame, asked.days, [], 1)
    days = answer.series[0].days if answer.series else []
    return CacheImpactAnswer(
        **found.freshness.envelope(unpriced_of(answer.total)),
        period=asked.period(),
        total=CacheUse.of(answer.total),
        days=[
            CacheDay(**_cache_fields(used), date=day.date, start=moment(day.start_ms), end=moment(day.end_ms))
            for day, used in zip(asked.days, days, strict=False)
        ],
    )


def _cache_fields(used: Totals) -> dict[str, object]:
    impact = cache_impact(used)
    return {
        "input_tokens": used.input_tokens,
        "cached_input_tokens": used.cached_input_tokens,
        "cache_write_tokens": used.cache_write_tokens,
        "hit_ratio": ratio_text(impact.hit_ratio),
        "input_side_usd": usd_text(impact.input_side),
        "without_cache_usd": usd_text(impact.without_cache),
        "cache_savings_usd": usd_text(impact.savings),
        "cache_write_premium_usd": usd_text(impact.premium),
        "premium_unknown_tokens": used.premium_unknown_tokens,
        "reduction_usd": usd_text(impact.reduction),
        "return_on_premium": ratio_text(impact.returned),
        "prompts": used.prompts,
        "semantic_hits": used.rare.get(CACHE_HITS, 0),
        "semantic_savings_usd": usd_text(used.rare.get(SEMANTIC_SAVINGS, 0)),
    }
