"""What a price list would change: against the rates in force, before anything is written."""

from collections.abc import Iterable
from typing import NamedTuple

from pydantic import ValidationError

from burnline.pricing.book import RateBook
from burnline.pricing.card import RateCard
from burnline.pricing.doubts import Doubt, doubts
from burnline.pricing.explain import MILLION
from burnline.pricing.lists import Listed, PriceListError, tier_rates
from burnline.pricing.money import usd_text
from burnline.pricing.valuation import ValuationRate


class Change(NamedTuple):
    """A rate of the list that is not the one in force."""

    rate: ValuationRate
    before: RateCard
    doubts: tuple[Doubt, ...]
    """Its rates that are a thousand times those of before or more, or as small a part of them."""

    @property
    def new(self) -> bool:
        """Whether the model had no rate."""
        return not self.before.priced


class Renewal(NamedTuple):
    """What a list comes to."""

    changes: list[Change]
    same: int
    """Entries whose rates are those in force."""
    kept: list[str]
    """Names whose price is set by hand (a contract, an alias, a discount), or changes with the hours: left alone."""


_NOTE = "imported from "


def imported(rate: ValuationRate) -> bool:
    """Whether a rate came from a list, so that a later list may change it."""
    return (rate.note or "").startswith(_NOTE)


def renewal(
    listed: Iterable[Listed], book: RateBook, by_hand: RateBook, *, effective_from: int, now_ms: int, of: str
) -> Renewal:
    """Hold a list against a book.

    Rates that are set by hand stay: a list price does not end a contract. Of models with dated prices the one of
    `effective_from` (0: always; then of `now_ms`) is compared.

    Args:
        listed: The list.
        book: What is in force.
        by_hand: The same without rates that were `imported`.
        effective_from: From when on the list is to hold, epoch milliseconds.
        now_ms: The clock.
        of: The list's name.

    Raises:
        PriceListError: An entry is no rate; the message names it, field and value.
    """
    changes, same, kept = [], 0, []
    for entry in listed:
        provider, model = _names(entry, book)
        before = book.resolve(provider, model, effective_from or now_ms)
        rate = _rate(entry._replace(provider=provider, model=model), before, effective_from, of)
        own = by_hand.resolve(provider, model, effective_from or now_ms)
        if own.source == "valuation-rates" or "corrected:" in own.rule:
            kept.append(f"{entry.provider}/{entry.model}")
        elif [tier_rates(tier) for tier in rate.tiers()] == [tier_rates(tier) for tier in before.tiers]:
            same += 1
        else:
            changes.append(Change(rate, before, tuple(each for each in doubts(rate, before) if _matters(each))))
    return Renewal(changes, same, kept)


def _names(entry: Listed, book: RateBook) -> tuple[str, str]:
    """Provider by the catalogue's id if it has one, and the model without it in front: as events are looked for."""
    known = book.provider_id(entry.provider)
    prefix, slash, rest = entry.model.partition("/")
    said_twice = slash and rest and known is not None and book.provider_id(prefix) == known
    return known or entry.provider.replace("/", "-"), rest if said_twice else entry.model


def _matters(doubt: Doubt) -> bool:
    """Lists write 0 for parts that are not charged apart."""
    return doubt.value != "0" or doubt.field.startswith(("input", "output"))


def _rate(entry: Listed, before: RateCard, effective_from: int, of: str) -> ValuationRate:
    output = usd_text(before.tiers[0].output * MILLION) if before.tiers else "0"
    fields = {
        "provider": entry.provider,
        "model": entry.model,
        "effective_from": effective_from,
        "note": f"{_NOTE}{of}"[:1024],
        "output_usd_per_million_tokens": output,
    }
    try:
        return ValuationRate.model_validate({**fields, **entry.rates})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        why = f"{where}={first['input']!r:.60}: {first['msg'].removeprefix('Value error, ')}"
        raise PriceListError(f"{entry.provider}/{entry.model}: {why}") from None
