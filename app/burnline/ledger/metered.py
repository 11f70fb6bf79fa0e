"""What an event adds to rare sums, and what it costs with its rare meters."""

from collections.abc import Mapping

from burnline.events.meters import NAMES, NONE_USED
from burnline.events.usage import Usage, meters_of
from burnline.ledger.rare import METER_COSTS
from burnline.ledger.usage_rollups import NOTHING_RARE
from burnline.pricing.card import ChargeFields, RateCard, charge_meters


def with_meters(event: Usage, card: RateCard, charged: ChargeFields) -> tuple[ChargeFields, Mapping[str, int]]:
    """The charge of an event that uses rare meters.

    Args:
        event: What was used.
        card: What prices it.
        charged: What its plain counts come to.

    Returns:
        The whole charge, and what to add to rare sums: counts, and what the meters cost of it, in pico-USD.
    """
    meters = meters_of(event)
    if meters == NONE_USED:
        return charged, NOTHING_RARE
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
    rare = {name: count for name, count in zip(NAMES, meters, strict=True) if count}
    rare |= {cost.name: pico_usd for cost, pico_usd in zip(METER_COSTS, costs, strict=True) if pico_usd}
    return charged, rare
