"""The rate book: which card prices an event, the overrides above the bundled catalogue.

An override holds from its `effective_from` on, by event time, until a later one for the same provider and model. The
newest that holds wins within its kind, and kinds are asked in this order:

1. the event's provider, then the catalogue's id for it (or, when the event names none that the catalogue knows, the
   provider that the catalogue matched), then "*" for any provider;
2. for each, the event's model, then the catalogue's id for it: a rate for gpt-4o prices gpt-4o-2024-08-06 too.

Where no override holds the catalogue does.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from burnline.pricing.card import ANY_PROVIDER, BEGINNING_MS, FOREVER_MS, RateCard, Tier
from burnline.pricing.dated import utc_text
from burnline.pricing.providers import normal_name
from burnline.pricing.regions import not_sold, surcharge
from burnline.pricing.valuation import ValuationRate

if TYPE_CHECKING:
    from burnline.pricing.catalogue import Catalogue, Match

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Override:
    rate: ValuationRate
    tier: Tier


class RateBook:
    """Immutable: a changed set of overrides makes a new book, and one assignment puts it in force."""

    def __init__(self, catalogue: "Catalogue", overrides: Mapping[Pair, tuple[_Override, ...]] | None = None) -> None:
        self._catalogue = catalogue
        self._overrides = dict(overrides or {})

    @classmethod
    def bundled(cls) -> Self:
        """The bundled catalogue, without overrides."""
        from burnline.pricing.catalogue import Catalogue  # 0.15 s: not before somebody needs a price

        return cls(Catalogue.bundled())

    def with_overrides(self, rates: Iterable[ValuationRate]) -> Self:
        """A book with exactly these overrides; the catalogue is shared. The order of `rates` does not matter."""
        held: dict[Pair, dict[int, _Override]] = {}
        # Keys may differ in the model's case alone and mean the same: the greater key wins, on every worker.
        for rate in sorted(rates, key=ValuationRate.key):
            pair = (rate.provider, rate.model.lower())
            held.setdefault(pair, {})[rate.effective_from] = _Override(rate, rate.tier())
        ordered = {pair: tuple(dated[at] for at in sorted(dated)) for pair, dated in held.items()}
        return type(self)(self._catalogue, ordered)

    def resolve(
        self, provider: str | None, model: str, at_ms: int, *, service_tier: str = "", region: str = ""
    ) -> RateCard:
        """The card for an event of this provider and model at this event time, as and where it was served.

        The card holds over its whole interval: it can be kept for its arguments until an event time leaves it. An
        override is a contract: it holds at every service tier and in every region.
        Never an error: without a rate the card is unpriced, and its rule says why.
        """
        match = self._catalogue.match(provider, model, region)
        until_ms = FOREVER_MS
        for overrides in self._asked(provider, model, match):
            current, next_ms = _newest(overrides, at_ms)
            until_ms = min(until_ms, next_ms)
            if current is not None:
                return _override_card(current, match, model, until_ms)
        return _catalogue_card(match, provider, model, at_ms, until_ms, service_tier.strip().lower())

    def _asked(self, provider: str | None, model: str, match: "Match") -> Iterator[tuple[_Override, ...]]:
        if not self._overrides:
            return
        models = dict.fromkeys((model.strip().lower(), *((match.entry.id.lower(),) if match.entry else ())))
        for name in dict.fromkeys((normal_name(provider or ""), match.provider, ANY_PROVIDER)):
            for each in models:
                found = self._overrides.get((name, each))
                if found:
                    yield found


def _newest(overrides: tuple[_Override, ...], at_ms: int) -> tuple[_Override | None, int]:
    """The newest override in force at a time, and when the next one comes into force."""
    current = None
    for override in overrides:
        if override.rate.effective_from > at_ms:
            return current, override.rate.effective_from
        current = override
    return current, FOREVER_MS


def _override_card(override: _Override, match: "Match", model: str, until_ms: int) -> RateCard:
    rate = override.rate
    since = f" from {utc_text(rate.effective_from)}" if rate.effective_from else ""
    by_id = "" if rate.model.lower() == model.strip().lower() else f" ({match.rule})"
    rule = f"override {rate.provider}/{rate.model}{since}{by_id}"
    return RateCard(rate.provider, rate.model, "valuation-rates", rule, rate.effective_from, until_ms, (override.tier,))


def _catalogue_card(
    match: "Match", provider: str | None, model: str, at_ms: int, until_ms: int, service_tier: str
) -> RateCard:
    if match.entry is None:
        return RateCard(match.provider or provider or "", model, "none", match.rule, BEGINNING_MS, until_ms, ())
    price, from_ms, price_until_ms = match.entry.at(at_ms, service_tier)
    rule = f"{match.rule}; {price.note}" if price.note else match.rule
    card = RateCard(
        match.provider,
        match.entry.id,
        "catalogue" if price.tiers else "none",
        rule,
        from_ms,
        min(until_ms, price_until_ms),
        price.tiers,
    )
    return _where(card, match.region, at_ms) if match.region and price.tiers else card


def _where(card: RateCard, region: str, at_ms: int) -> RateCard:
    """The card of a region: the plain one, dearer, or none where no factor is known."""
    name = card.model.lower()
    unknown = not_sold(card.provider, name, region)
    if unknown:
        rule = f"{card.rule}; its price in {region} is not known: {unknown.source}"
        return replace(card, source="none", rule=rule, tiers=())
    more = surcharge(card.provider, name, region)
    if more is None:
        return card
    if at_ms < more.since_ms:
        return replace(card, valid_until_ms=min(card.valid_until_ms, more.since_ms))
    rule = f"{card.rule}; {region}: {float(more.factor):g} times the plain rates ({more.source})"
    tiers = tuple(tier.times(more.factor) for tier in card.tiers)
    return replace(card, rule=rule, valid_from_ms=max(card.valid_from_ms, more.since_ms), tiers=tiers)
