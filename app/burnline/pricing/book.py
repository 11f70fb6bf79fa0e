"""The rate book: which card prices an event, the overrides above the catalogue in force.

An override holds from its `effective_from` on, by event time, until a later one for the same. `overrides` says which
concern an event, and in which order. The nearest that states rates, or that another model costs the same, decides; the
catalogue where none does. The nearest multiplier before it makes a part of that; where there are several, the others do
not count. So a discount on everything leaves a rate alone that was agreed for one model, and one of an organisation
concerns the rates that are set for all.

Providers that are declared free (`free_providers`) cost nothing where no override says otherwise.
"""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Self

from burnline.pricing.card import ANY_PROVIDER, BEGINNING_MS, FOREVER_MS, STANDARD, RateCard, Tier
from burnline.pricing.dated import utc_text
from burnline.pricing.overrides import Asked, Overrides, Place, Places, newest
from burnline.pricing.providers import GATEWAYS, provider_words
from burnline.pricing.regions import Regions
from burnline.pricing.valuation import ValuationRate

if TYPE_CHECKING:
    from burnline.pricing.catalogue import Catalogue, Match
    from burnline.settings import Settings

_ALWAYS = (BEGINNING_MS, FOREVER_MS)
_FREE = Tier(0, 0, 0, 0, 0, 0)


class RateBook:
    """Immutable: a changed set of overrides makes a new book, and one assignment puts it in force."""

    def __init__(
        self, catalogue: "Catalogue", overrides: Iterable[ValuationRate] = (), free_providers: Iterable[str] = ()
    ) -> None:
        """Price by these.

        Args:
            catalogue: Prices where nothing goes before them.
            overrides: What goes before them; its order does not matter.
            free_providers: Names of providers that cost nothing, in any spelling: machines of one's own.
        """
        self._catalogue = catalogue
        self._rates = tuple(overrides)
        self._free = frozenset(provider_words(name) for name in free_providers)

    @classmethod
    def bundled(cls, free_providers: Iterable[str] = ()) -> Self:
        """The bundled catalogue, without overrides."""
        from burnline.pricing.catalogue import Catalogue  # 0.15 s: not before somebody needs a price

        return cls(Catalogue.bundled(), (), free_providers)

    @classmethod
    def from_settings(cls, settings: "Settings") -> Self:
        """The bundled catalogue, and what the settings declare free."""
        return cls.bundled(settings.free_provider_names)

    def with_overrides(self, rates: Iterable[ValuationRate]) -> Self:
        """A book with exactly these overrides; the catalogue is shared. The order of `rates` does not matter."""
        return type(self)(self._catalogue, rates, self._free)

    def with_catalogue(self, catalogue: "Catalogue") -> Self:
        """A book with the same overrides above another catalogue."""
        return type(self)(catalogue, self._rates, self._free)

    @cached_property
    def _overrides(self) -> Overrides:
        """Put in order when a price is asked for: thousands of changes may come one after the other before that."""
        return Overrides(self._rates)

    def provider_id(self, name: str) -> str | None:
        """The catalogue's id for a provider's name, None if it knows none such."""
        return self._catalogue.provider_id(name)

    @property
    def catalogue(self) -> "Catalogue":
        """What prices where no override does."""
        return self._catalogue

    @property
    def catalogue_version(self) -> str:
        """Which catalogue it is, see `Catalogue.version`."""
        return self._catalogue.version

    @property
    def orgs(self) -> frozenset[str]:
        """Organisations with rates of their own; for any other one an event costs what it does for all."""
        return self._overrides.places.orgs

    def places(
        self, provider: str | None, model: str, org_id: str = "", *, among: Iterable[Place] | None = None
    ) -> list[Place]:
        """Where overrides for such an event stand or may stand, the nearest first.

        `among` are places that some stand or stood at, where others than those in force are asked for.
        """
        places = self._overrides.places if among is None else Places(among)
        return list(places.of(_asked(org_id, provider, model, self._catalogue.match(provider, model))))

    def resolve(
        self,
        provider: str | None,
        model: str,
        at_ms: int,
        *,
        service_tier: str = "",
        region: str = "",
        org_id: str = "",
    ) -> RateCard:
        """The card for an event of this provider and model at this event time, as, where and for whom it was served.

        The card holds over its whole interval: it can be kept for its arguments until an event time leaves it. Rates
        that are set are a contract: they hold in every region, and at every service tier for which they say no other.
        Never an error: without a rate the card is unpriced, and its rule says why.
        """
        asked = _Event(provider, model, at_ms, service_tier.strip().lower(), region, org_id)
        return self._resolve(asked, None, aliases=True)

    def _resolve(self, event: "_Event", multiplied: ValuationRate | None, *, aliases: bool) -> RateCard:
        match = self._catalogue.match(event.provider, event.model, event.region)
        since_ms, until_ms = BEGINNING_MS, FOREVER_MS
        asked = _asked(event.org_id, event.provider, event.model, match)
        card = None
        for overrides in self._overrides.concerning(asked) if self._overrides else ():
            current, next_ms = newest(overrides, event.at_ms, FOREVER_MS)
            until_ms = min(until_ms, next_ms)
            if current is None:
                continue
            since_ms = max(since_ms, current.effective_from)
            if current.multiplier is not None:
                multiplied = multiplied or current
            elif current.same_as is None:
                card = _multiplied_card(multiplied, _override_card(current, match, event))
                break
            elif aliases:
                provider, _, model = current.same_as.partition("/")
                other = event._replace(provider=None if provider == ANY_PROVIDER else provider, model=model)
                card = _alias_card(current, self._resolve(other, multiplied, aliases=False))
                break
        if card is None and self._free and self._is_free(event.provider, event.model):
            card = _free_card(event.provider, event.model)
        card = card or _multiplied_card(multiplied, _catalogue_card(match, event, self._catalogue.regions))
        return card if (since_ms, until_ms) == _ALWAYS else _within(card, since_ms, until_ms)

    def _is_free(self, provider: str | None, model: str) -> bool:
        words = provider_words(provider or "")
        if words and words not in GATEWAYS:
            return words in self._free
        prefix, slash, _ = model.partition("/")  # "ollama/llama3" says itself who serves it
        return bool(slash) and provider_words(prefix) in self._free


class _Event(NamedTuple):
    """What the price of an event depends on; `service_tier` in lower case."""

    provider: str | None
    model: str
    at_ms: int
    service_tier: str
    region: str
    org_id: str


def _asked(org_id: str, provider: str | None, model: str, match: "Match") -> Asked:
    return Asked(org_id, provider or "", model, match.provider, match.entry.id if match.entry else "")


def _name(rate: ValuationRate) -> str:
    """An override as rules name it."""
    whose = f"{rate.org_id}: " if rate.org_id else ""
    since = f" from {utc_text(rate.effective_from)}" if rate.effective_from else ""
    return f"override {whose}{rate.provider}/{rate.model}{since}"


def _within(card: RateCard, since_ms: int, until_ms: int) -> RateCard:
    """The same card, only as long as the overrides that were asked stay the same."""
    return replace(
        card,
        valid_from_ms=max(card.valid_from_ms, since_ms),
        valid_until_ms=min(card.valid_until_ms, until_ms),
    )


def _override_card(rate: ValuationRate, match: "Match", event: _Event) -> RateCard:
    name = event.model.strip()
    by_id = "" if rate.is_pattern or rate.model.lower() == name.lower() else f" ({match.rule})"
    rule, tiers = f"{_name(rate)}{by_id}", rate.tiers()
    tier = event.service_tier
    factor = None if tier in STANDARD else (rate.service_tiers or {}).get(tier)
    if factor is not None:
        rule, tiers = f"{rule}; service tier {tier}: {factor} times its rates", _times(tiers, Fraction(factor))
    priced_as = name if rate.is_pattern else rate.model
    return RateCard(rate.provider, priced_as, "valuation-rates", rule, rate.effective_from, FOREVER_MS, tiers)


def _alias_card(rate: ValuationRate, target: RateCard) -> RateCard:
    rule = f"{_name(rate)}: costs what {rate.same_as} does ({target.rule})"
    return replace(target, source="valuation-rates" if target.priced else "none", rule=rule)


def _multiplied_card(rate: ValuationRate | None, card: RateCard) -> RateCard:
    factor = None if rate is None else rate.factor()
    if rate is None or factor is None or not card.priced:
        return card
    rounded = "" if _is_exact(card.tiers, factor) else "; rounded to 10^-12 USD"
    rule = f"{_name(rate)}: {rate.multiplier} times {card.rule}{rounded}"
    return replace(card, source="valuation-rates", rule=rule, tiers=_times(card.tiers, factor))


def _times(tiers: tuple[Tier, ...], factor: Fraction) -> tuple[Tier, ...]:
    return tuple(tier.times(factor) for tier in tiers)


def _is_exact(tiers: tuple[Tier, ...], factor: Fraction) -> bool:
    """Whether no rate was rounded when it was multiplied."""
    whole, part = Fraction(factor.numerator), Fraction(factor.denominator)
    return _times(_times(tiers, factor), part) == _times(tiers, whole)


def _free_card(provider: str | None, model: str) -> RateCard:
    named = provider if provider and provider_words(provider) not in GATEWAYS else model.partition("/")[0]
    rule = f"provider {named} is declared free (BURNLINE_FREE_PROVIDERS)"
    return RateCard(named, model, "free-providers", rule, *_ALWAYS, (_FREE,))


def _catalogue_card(match: "Match", event: _Event, regions: Regions) -> RateCard:
    if match.entry is None:
        named = match.provider or event.provider or ""
        return RateCard(named, event.model, "none", match.rule, *_ALWAYS, ())
    price, from_ms, until_ms = match.entry.at(event.at_ms, event.service_tier)
    rule = f"{match.rule}; {price.note}" if price.note else match.rule
    card = RateCard(
        match.provider,
        match.entry.id,
        "catalogue" if price.tiers else "none",
        rule,
        from_ms,
        until_ms,
        price.tiers,
    )
    return _where(card, match.region, event.at_ms, regions) if match.region and price.tiers else card


def _where(card: RateCard, region: str, at_ms: int, regions: Regions) -> RateCard:
    """The card of a region: the plain one, dearer, or none where no factor is known."""
    name = card.model.lower()
    unknown = regions.unknown(card.provider, name, region)
    if unknown:
        rule = f"{card.rule}; its price in {region} is not known: {unknown.source}"
        return replace(card, source="none", rule=rule, tiers=())
    more = regions.surcharge(card.provider, name, region)
    if more is None:
        return card
    if at_ms < more.since_ms:
        return replace(card, valid_until_ms=min(card.valid_until_ms, more.since_ms))
    tiers = tuple(tier.times(more.factor, tokens_only=True) for tier in card.tiers)
    rounded = "" if _is_exact(card.tiers, more.factor) else "; rounded to 10^-12 USD"
    rule = f"{card.rule}; {region}: {float(more.factor):g} times the plain rates ({more.source}){rounded}"
    return replace(card, rule=rule, valid_from_ms=max(card.valid_from_ms, more.since_ms), tiers=tiers)
