"""Rates that look like a mistake: so far from the catalogue's that a unit was mixed up, or digits were."""

from typing import NamedTuple

from burnline.pricing.card import RateCard, Tier
from burnline.pricing.explain import MILLION
from burnline.pricing.money import usd_text
from burnline.pricing.valuation import ValuationRate

FAR = 1_000
"""Per thousand tokens instead of per million makes a factor of a thousand."""

_PARTS = ("input", "output", "cached_input", "cache_write", "reasoning")


class Doubt(NamedTuple):
    """A rate that is `FAR` times the catalogue's or more, or as small a part of it. Amounts: USD per million tokens."""

    field: str
    value: str
    catalogue_value: str


def doubts(rate: ValuationRate, catalogue: RateCard) -> list[Doubt]:
    """Which of a rate's stated fields are far from the catalogue's base tier; none where that has no rate.

    A rate of 0 in place of a price is far from it: it would make spending vanish. From a price of 0 nothing is far.
    """
    if not catalogue.tiers or not rate.tiers():
        return []
    return [each for each in far_apart(rate.tiers()[0], catalogue.tiers[0]) if getattr(rate, each.field) is not None]


def far_apart(stated: Tier, base: Tier) -> list[Doubt]:
    """In which of its common parts a tier is far from another one."""
    found = []
    for part in _PARTS:
        ours, theirs = getattr(stated, part), getattr(base, part)
        if theirs and (ours >= FAR * theirs or ours * FAR <= theirs):
            field = f"{part}_usd_per_million_tokens"
            found.append(Doubt(field, usd_text(ours * MILLION), usd_text(theirs * MILLION)))
    return found
