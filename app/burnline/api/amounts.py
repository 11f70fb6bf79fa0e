"""Sums as answers write them: token counts, and amounts as exact decimal text."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from burnline.api.envelope import Unpriced
from burnline.events.meters import METERS
from burnline.finance.frames import Totals
from burnline.ledger.rare import METER_COSTS
from burnline.pricing.money import usd_text

Usd = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]{1,12})?$", description="USD, exact.", examples=["12.345"])]
Ratio = Annotated[
    str | None,
    Field(pattern=r"^-?[0-9]+\.[0-9]{6}$", description="To six decimals; null of nothing.", examples=["0.25"]),
]
Count = Annotated[int, Field(ge=0)]


def ratio_text(ratio: Decimal | None) -> str | None:
    """A ratio as answers write it."""
    return None if ratio is None else f"{ratio:f}"


def unpriced_of(totals: Totals) -> Unpriced:
    """What some usage could not price."""
    return Unpriced.of(totals.unpriced_tokens, totals.unpriced_low, totals.unpriced_high)


class Costs(BaseModel):
    """The cost by what it was for; the parts are disjoint and add up to the cost."""

    model_config = ConfigDict(title="Costs")

    input_usd: Usd = Field(description="Input that was neither read from nor written to a cache.")
    cached_input_usd: Usd = Field(description="Input read from a cache.")
    cache_write_usd: Usd = Field(description="Input written to a cache.")
    output_usd: Usd = Field(description="Output without reasoning.")
    reasoning_usd: Usd = Field(description="Reasoning.")
    request_usd: Usd = Field(description="Fees per request.")
    reported_usd: Usd = Field(description="As publishers reported it, of what no rate prices.")


class MeterUsed(BaseModel):
    """What was used of one rare meter."""

    model_config = ConfigDict(title="MeterUsed")

    units: Count = Field(description="Tokens, or what it counts; those of a meter within it included.", examples=[600])
    cost_usd: Usd = Field(description="What they cost that no other meter counts; a part of `costs`.")


class Used(BaseModel):
    """What was used and what it cost. Counts are inclusive: cached tokens are input, reasoning tokens output."""

    model_config = ConfigDict(title="Used")

    cost_usd: Usd = Field(description="What it cost, unpriced tokens left out.")
    costs: Costs
    cache_savings_usd: Usd = Field(description="What reading from caches saved.")
    events: Count = Field(description="Usage events.", examples=[42])
    runs: Count = Field(description="Of the events, runs of agents that began.", examples=[3])
    input_tokens: Count = Field(description="Input tokens, cached ones included.", examples=[120000])
    output_tokens: Count = Field(description="Output tokens, reasoning included.", examples=[8000])
    cached_input_tokens: Count = Field(description="Input tokens read from a cache.", examples=[90000])
    cache_write_tokens: Count = Field(description="Input tokens written to a cache.", examples=[2000])
    reasoning_tokens: Count = Field(description="Reasoning tokens.", examples=[1000])
    errors: Count = Field(description="Events that say that they failed.", examples=[0])
    cache_hits: Count = Field(description="Of the events, answers out of a semantic cache.", examples=[0])
    meters: dict[str, MeterUsed] = Field(
        description="What else was metered, by the fields of an event (audio, images, searches); only what was used."
    )
    unpriced: Unpriced

    @classmethod
    def of(cls, totals: Totals) -> Self:
        """From sums."""
        return cls(**used_fields(totals))


def used_fields(totals: Totals) -> dict[str, object]:
    """The fields of a `Used`, for what inherits from it."""
    return {
        "cost_usd": usd_text(totals.cost),
        "costs": Costs(
            input_usd=usd_text(totals.input_cost),
            cached_input_usd=usd_text(totals.cached_input_cost),
            cache_write_usd=usd_text(totals.cache_write_cost),
            output_usd=usd_text(totals.output_cost),
            reasoning_usd=usd_text(totals.reasoning_cost),
            request_usd=usd_text(totals.request_cost),
            reported_usd=usd_text(totals.reported_cost),
        ),
        "cache_savings_usd": usd_text(totals.cache_savings),
        "events": totals.events,
        "runs": totals.runs,
        "input_tokens": totals.input_tokens,
        "output_tokens": totals.output_tokens,
        "cached_input_tokens": totals.cached_input_tokens,
        "cache_write_tokens": totals.cache_write_tokens,
        "reasoning_tokens": totals.reasoning_tokens,
        "errors": totals.rare.get("errors", 0),
        "cache_hits": totals.rare.get("cache_hits", 0),
        "meters": {
            meter.name: MeterUsed(units=units, cost_usd=usd_text(totals.rare.get(cost.name, 0)))
            for meter, cost in zip(METERS, METER_COSTS, strict=True)
            if (units := totals.rare.get(meter.name, 0))
        },
        "unpriced": unpriced_of(totals),
    }
