"""What an event with rare fields costs, and what it adds to rare sums."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

import msgspec

from burnline.events.meters import NAMES, NONE_USED
from burnline.events.usage import CACHE_HIT, Usage, meters_of
from burnline.ledger.rare import METER_COSTS, NOTHING_RARE
from burnline.pricing.card import ChargeFields, RateCard, charge_meters
from burnline.pricing.money import DECIMALS

NOTHING_CHARGED: ChargeFields = (0, 0, 0, 0, 0, 0, 0, 0, 0)
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


class Rare(NamedTuple):
    """An event with rare fields, as it is counted."""

    event: Usage
    """Without tokens if none were used."""
    charged: ChargeFields
    sums: Mapping[str, int]
    """What to add to rare sums, by name."""


def counted_rare(event: Usage, card: RateCard, charged: ChargeFields) -> Rare:
    """How an event with rare fields is counted.

    Args:
        event: What was used, or reported.
        card: What prices it.
        charged: What its plain counts come to.
    """
    charged, sums = _with_meters(event, card, charged)
    if event.error:
        sums["errors"] = 1
    if event.kind == CACHE_HIT:
        return _cache_hit(event, charged, sums)
    if event.reported_cost_usd is not None:
        charged = _with_reported(event, card, charged, sums)
    return Rare(event, charged, sums or NOTHING_RARE)


def _with_meters(event: Usage, card: RateCard, charged: ChargeFields) -> tuple[ChargeFields, dict[str, int]]:
    meters = meters_of(event)
    if meters == NONE_USED:
        return charged, {}
    charged, costs = charge_meters(
        card,
        charged,
        event.input_tokens,
        event.output_tokens,
        event.cached_input_tokens,
        event.cache_write_tokens,
        event.reasoning_tokens,
        meters,
    )
    sums = {name: count for name, count in zip(NAMES, meters, strict=True) if count}
    sums |= {cost.name: pico_usd for cost, pico_usd in zip(METER_COSTS, costs, strict=True) if pico_usd}
    return charged, sums


def _cache_hit(event: Usage, charged: ChargeFields, sums: Mapping[str, int]) -> Rare:
    """Its tokens were not used; what they would have cost is saved."""
    unused = dict.fromkeys(
        ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens", *NAMES), 0
    )
    kept = {"cache_hits": 1, "semantic_savings_pico_usd": charged[0], "errors": sums.get("errors", 0)}
    counted = {name: value for name, value in kept.items() if value}
    return Rare(msgspec.structs.replace(event, **unused), NOTHING_CHARGED, counted)


def _with_reported(event: Usage, card: RateCard, charged: ChargeFields, sums: dict[str, int]) -> ChargeFields:
    """A cost that was reported is counted where no rate prices anything of the event; else it is compared."""
    reported = reported_pico_usd(event.reported_cost_usd or "0")
    measured = event.input_tokens or event.output_tokens or meters_of(event) != NONE_USED
    if card.priced and measured:
        sums |= {"compared_pico_usd": charged[0], "compared_reported_pico_usd": reported}
        return charged
    sums["reported_pico_usd"] = reported
    return reported, 0, 0, 0, 0, 0, 0, 0, 0


def reported_pico_usd(usd: str) -> int:
    """A reported cost in pico-USD; what is finer is rounded half to even."""
    return int(Decimal(usd).scaleb(DECIMALS, _EXACT).to_integral_value(ROUND_HALF_EVEN))
