"""At which unit prices tokens were charged: sums of quantity and cost taken apart, so that no price is made up.

A sum knows how many tokens there were and what they cost. Where one rate held, the cost is a whole multiple of the
quantity. Where a model's requests met two rates of one card (the length of the context, how long a cache write lives),
the two quantities follow from the sum. Where neither is so, there is no unit price to tell.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

from burnline.events.meters import METERS
from burnline.pricing.book import RateBook
from burnline.pricing.card import RateCard, Tier
from burnline.pricing.regions import SURCHARGES
from burnline.pricing.supplements import TIER_RULES

_RARE = {meter.stem: at for at, meter in enumerate(METERS)}
CARDS_HELD = 10_000
PLAIN: tuple[Fraction, ...] = (Fraction(1), Fraction(1, 2), Fraction(2))
"""What a rate is multiplied by for how it was served (flex and batch, priority): a sum does not know that."""


@lru_cache(CARDS_HELD)
def served(provider: str, model: str) -> tuple[Fraction, ...]:
    """What the rates of a model may be multiplied by for how and where it is served.

    Args:
        provider: The catalogue's id.
        model: In lower case.
    """
    tiers = {rule.factor for rule in TIER_RULES if rule.provider == provider and rule.models.match(model)}
    where = {each.factor for each in SURCHARGES if each.provider == provider and each.models.match(model)}
    how = dict.fromkeys((*PLAIN, *sorted(map(Fraction, tiers))))
    return tuple(dict.fromkeys(one * other for other in (Fraction(1), *sorted(where)) for one in how))


class Part(NamedTuple):
    """So many units at one price in pico-USD per unit; None where several prices cannot be told apart."""

    quantity: int
    cost: int
    price: int | None


class Rates(NamedTuple):
    """Of one meter at one time, in pico-USD per unit: what a card says, base tier first."""

    own: tuple[int, ...] = ()
    """Of the card that is in force: an override's, or the catalogue's."""
    catalogue: tuple[int, ...] = ()
    served: tuple[Fraction, ...] = PLAIN

    def list_price(self, price: int | None) -> int | None:
        """The catalogue's price in place of an override's; the price itself where it is no override's."""
        if price is None or not self.catalogue or price in self.catalogue or price not in self.own:
            return price
        return self.catalogue[min(self.own.index(price), len(self.catalogue) - 1)]


def parts(quantity: int, cost: int, rates: Sequence[int], factors: Sequence[Fraction] = PLAIN) -> list[Part]:
    """Take a sum apart: the quantities and the costs of the parts sum to it, and quantity × price is cost in each.

    Args:
        quantity: Units, at least one.
        cost: Pico-USD.
        rates: What the card says.
        factors: What these may be multiplied by, see `served`.
    """
    asked = {rate * quantity * each.numerator == cost * each.denominator for rate in rates for each in factors}
    if True in asked and not cost % quantity:
        return [Part(quantity, cost, cost // quantity)]
    split = [found for pair in combinations(dict.fromkeys(rates), 2) if (found := _between(quantity, cost, *pair))]
    if len(split) == 1:
        return split[0]
    return [Part(quantity, cost, None if split or cost % quantity else cost // quantity)]


def _between(quantity: int, cost: int, one: int, other: int) -> list[Part] | None:
    """The only way in which both rates make up the sum, if there is one."""
    at_other, rest = divmod(cost - one * quantity, other - one)
    if rest or not 0 < at_other < quantity:
        return None
    at_one = quantity - at_other
    return [Part(at_one, at_one * one, one), Part(at_other, at_other * other, other)]


class CardRates:
    """The rates of meters by provider, model and time, out of a book; a card is resolved once for each quarter-hour."""

    def __init__(self, book: RateBook, catalogue: RateBook) -> None:
        self._book, self._catalogue = book, catalogue
        self._cards: dict[tuple[str, str, int], tuple[RateCard, RateCard]] = {}

    def rates(self, provider: str, model: str, at_ms: int, meter: str) -> Rates:
        """What the cards in force at an event time say of a meter; nothing of a model without a rate."""
        own, catalogue = self._cards_at(provider, model, at_ms)
        factors = served(own.provider, own.model.lower())
        return Rates(_of(own.tiers, meter), _of(catalogue.tiers, meter), factors)

    def _cards_at(self, provider: str, model: str, at_ms: int) -> tuple[RateCard, RateCard]:
        key = provider, model, at_ms
        found = self._cards.get(key)
        if found is None:
            if len(self._cards) >= CARDS_HELD:
                self._cards.clear()
            own, catalogue = (book.resolve(provider or None, model, at_ms) for book in (self._book, self._catalogue))
            found = self._cards[key] = own, catalogue
        return found


def _of(tiers: Sequence[Tier], meter: str) -> tuple[int, ...]:
    """The rates of a part of the cost (called as the meter's slug), and of the meters within it, tier by tier."""
    part = meter.replace("-", "_")
    if part in _RARE:
        at = _RARE[part]
        outer = METERS[at].part
        return tuple(
            rate
            for tier in tiers
            if (rate := getattr(tier, outer) if (own := tier.meters[at]) is None else own) is not None
        )
    if part == "request":
        fees = [tier.per_request for tier in tiers]
        return (0, *fees) if any(fees) else tuple(fees)
    within = [at for at, one in enumerate(METERS) if one.part == part and one.is_tokens]
    plain = [getattr(tier, part) for tier in tiers]
    return (*plain, *(rate for tier in tiers for at in within if (rate := tier.meters[at]) is not None))
