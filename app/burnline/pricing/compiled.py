"""The catalogue's prices (decimal USD per million tokens) compiled into integer tiers.

How the catalogue is read:

- A unit that a price does not state is not charged apart: cached and cache-write tokens fall back to the input rate,
  reasoning tokens to the output rate, because each is a part of the other.
- The catalogue cannot state a zero. A price that states nothing at all is a free model; one that states input only
  (embeddings, classifiers) has output that costs nothing.
- A price that states only other units (hours of audio, characters, pages) has no rate for tokens: unpriced.
- Fees per thousand requests become a fee per request. What `burnline.events.meters` counts (modalities, cache writes
  for an hour, searches) has its rate where the catalogue states one; hours, characters and pages stay out.
- A tier counts from strictly above its line and prices the whole request.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from genai_prices.types import (
    ModelInfo,
    ModelPrice,
    PriceVariant,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from burnline.events.meters import METERS, MILLION
from burnline.pricing.card import Tier, meter_rates
from burnline.pricing.dated import DAY_MS, Always, Condition, Daily, Dated, Since

Price = Decimal | TieredPrices

_EPOCH_DAY = date(1970, 1, 1)
_FREE = Tier(0, 0, 0, 0, 0, 0)
_PER_MILLION = 6  # USD per 10^6 of a unit = 10^6 pico-USD per unit
_PER_THOUSAND = 9
_PLACES = {
    "input_mtok": _PER_MILLION,
    "output_mtok": _PER_MILLION,
    "cache_read_mtok": _PER_MILLION,
    "cache_write_mtok": _PER_MILLION,
    "output_reasoning_mtok": _PER_MILLION,
    "requests_kcount": _PER_THOUSAND,
    **{meter.rate: _PER_MILLION if meter.per == MILLION else _PER_THOUSAND for meter in METERS},
}


class CompiledPrice(NamedTuple):
    """Integer tiers (none when tokens have no rate), and what a reader should know about them ("" when nothing)."""

    tiers: tuple[Tier, ...]
    note: str


def compile_prices(model: ModelInfo) -> tuple[Dated[CompiledPrice], ...]:
    """Every dated price of a model, in the catalogue's order: of those that hold, the last counts."""
    return tuple(Dated(condition, compile_price(price)) for condition, price in stated_prices(model))


def stated_prices(model: ModelInfo) -> tuple[Dated[ModelPrice], ...]:
    """The same as the catalogue states them, for what changes single rates of them."""
    prices = model.prices
    if isinstance(prices, ModelPrice):
        return (Dated(Always(), prices),)
    return tuple(Dated(_condition(entry.constraint), entry.prices) for entry in prices)


def variants(stated: Sequence[PriceVariant], service_tier: str) -> tuple[Dated[ModelPrice], ...]:
    """The rates of a service tier: of the catalogue's variants that hold, the first that states a rate counts."""
    whens = ({"service_tier": service_tier}, {"processing": service_tier}, {"speed": service_tier})
    found = (each for each in stated if each.when in whens)
    return tuple(Dated(_condition(each.constraint), each.prices) for each in found)


def compile_price(price: ModelPrice) -> CompiledPrice:
    """One price as integer tiers.

    A rate finer than 10^-12 USD per token is rounded half to even, and the note says so: the catalogue holds a few
    that went through binary floating point on their way (0.18000000000000002).
    """
    stated: dict[str, Price] = {unit: value for unit, value in vars(price).items() if value is not None}
    if not stated:
        return CompiledPrice((_FREE,), "free: the catalogue states no charge")
    if "input_mtok" not in stated and "output_mtok" not in stated:
        return CompiledPrice((), f"no rate for tokens, only for {', '.join(sorted(stated))}")
    used = {unit: value for unit, value in stated.items() if unit in _PLACES}
    lines = sorted({tier.start for value in used.values() if isinstance(value, TieredPrices) for tier in value.tiers})
    tiers = (_tier(used, None), *(_tier(used, line) for line in lines))
    return CompiledPrice(tiers, "; ".join(_notes(used)))


def _tier(prices: Mapping[str, Price], line: int | None) -> Tier:
    def rate(unit: str, other: int = 0) -> int:
        return _pico(_at(prices[unit], line), _PLACES[unit]) if unit in prices else other

    plain, answer = rate("input_mtok"), rate("output_mtok")
    return Tier(
        above_input_tokens=line or 0,
        input=plain,
        output=answer,
        cached_input=rate("cache_read_mtok", plain),
        cache_write=rate("cache_write_mtok", plain),
        reasoning=rate("output_reasoning_mtok", answer),
        per_request=rate("requests_kcount"),
        meters=meter_rates({meter.name: rate(meter.rate) for meter in METERS if meter.rate in prices}),
    )


def _at(price: Price, line: int | None) -> Decimal:
    if isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if line is not None and tier.start <= line]
    return reached[-1] if reached else price.base


def _pico(price: Decimal, places: int) -> int:
    return int(price.scaleb(places).to_integral_value(rounding=ROUND_HALF_EVEN))


def _notes(prices: Mapping[str, Price]) -> list[str]:
    rounded = [unit for unit, price in prices.items() if any(_is_finer(each, _PLACES[unit]) for each in _values(price))]
    notes = [f"rounded to 10^-12 USD: {', '.join(sorted(rounded))}"] if rounded else []
    notes += [
        f"the catalogue states no charge for {side}" for side in ("input", "output") if f"{side}_mtok" not in prices
    ]
    return notes


def _values(price: Price) -> list[Decimal]:
    return [price] if isinstance(price, Decimal) else [price.base, *(tier.price for tier in price.tiers)]


def _is_finer(price: Decimal, places: int) -> bool:
    scaled = price.scaleb(places)
    return scaled != scaled.to_integral_value()


def _condition(constraint: StartDateConstraint | TimeOfDateConstraint | None) -> Condition:
    if constraint is None:
        return Always()
    if isinstance(constraint, StartDateConstraint):
        return Since((constraint.start_date - _EPOCH_DAY).days * DAY_MS)
    return Daily(_ms_of_day(constraint.start_time), _ms_of_day(constraint.end_time))


def _ms_of_day(at: time) -> int:
    moment = datetime.combine(_EPOCH_DAY, at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    return ((moment.hour * 60 + moment.minute) * 60 + moment.second) * 1000 + moment.microsecond // 1000
