"""Cards that several tests use."""

from burnline.pricing.card import BEGINNING_MS, FOREVER_MS, RateCard, Tier

BASE = Tier(0, input=3_000_000, output=15_000_000, cached_input=300_000, cache_write=3_750_000, reasoning=16_000_000)
LONG = Tier(
    200_000, input=6_000_000, output=22_500_000, cached_input=600_000, cache_write=7_500_000, reasoning=24_000_000
)
LONGER = Tier(272_000, input=9_000_000, output=30_000_000, cached_input=900_000, cache_write=9_000_000, reasoning=1)


def card(*tiers: Tier) -> RateCard:
    """A card with these tiers, valid for ever."""
    return RateCard("anthropic", "claude", "catalogue", "exact id", BEGINNING_MS, FOREVER_MS, tiers)
