"""The rates that were set, as the projection has them."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from burnline.api.resources import Resources
from burnline.api.view.generation import read_together
from burnline.api.view.rate_shapes import ChangeOut, RateOut, State, change_out
from burnline.pricing.book import RateBook
from burnline.pricing.card import ANY_PROVIDER, RateCard
from burnline.pricing.providers import normal_name
from burnline.pricing.valuation import ValuationRate
from burnline.readmodel.keys import Keys
from burnline.readmodel.rows import decode_rate_change

MAX_CHANGES = 500
"""Newest changes of a model that are shown."""

Rates = Mapping[str, ValuationRate]


class Place(NamedTuple):
    """A rate's place in the list."""

    provider: str
    model: str
    effective_from: int
    exact_model: str


def place_of(rate: ValuationRate) -> Place:
    """By provider, model and time; keys may differ in the model's case alone."""
    return Place(rate.provider, rate.model.lower(), rate.effective_from, rate.model)


def rates_from(answer: Mapping[bytes, bytes]) -> dict[str, ValuationRate]:
    """Rates out of the projection's hash. Whatever is none was refused by the projector already.

    Raises:
        ValuationRateError: A value in Redis is no rate.
    """
    rates = [ValuationRate.parse(key, value) for key, value in answer.items()]
    return {rate.key(): rate for rate in sorted(rates, key=place_of)}


def provider_of(name: str) -> str | None:
    """A provider in a path as an event would name it; any provider is none."""
    return None if name.strip() == ANY_PROVIDER else name


def card_at(rates: Iterable[ValuationRate], provider: str, model: str, at_ms: int) -> RateCard:
    """The card in force for a provider (`*`: any) and model, with these rates over the catalogue."""
    return RateBook.bundled().with_overrides(rates).resolve(provider_of(provider), model, at_ms)


def state_of(rate: ValuationRate, among: Iterable[ValuationRate], now_ms: int) -> State:
    """Where a rate stands against the clock, and against later ones for the same provider and model."""
    if rate.effective_from > now_ms:
        return State.TO_COME
    name = (rate.provider, rate.model.lower())
    newest = max(
        (other.effective_from for other in among if (other.provider, other.model.lower()) == name
         and other.effective_from <= now_ms), default=rate.effective_from,
    )  # fmt: skip
    return State.IN_FORCE if rate.effective_from >= newest else State.PAST


def asked_for(provider: str, model: str) -> set[tuple[str, str]]:
    """Provider and model (in lower case) of every rate that may price such an event; see `burnline.pricing.book`."""
    from burnline.pricing.catalogue import Catalogue  # 0.15 s: not before somebody needs a price

    match = Catalogue.bundled().match(provider_of(provider), model)
    models = {model.strip().lower(), *((match.entry.id.lower(),) if match.entry else ())}
    providers = {normal_name(provider), match.provider, ANY_PROVIDER}
    return {(name, each) for name in providers for each in models}


def of_model(rates: Rates, provider: str, model: str) -> list[ValuationRate]:
    """The set rates that may price a provider's model, in the list's order."""
    wanted = asked_for(provider, model)
    return [rate for rate in rates.values() if (rate.provider, rate.model.lower()) in wanted]


async def changes_of(resources: Resources, keys: Keys, provider: str, model: str) -> list[ChangeOut]:
    """Every change of those rates that the projection remembers, deletions included, newest first.

    Deleted rates are in no index; the counts name their histories.
    """
    wanted = asked_for(provider, model)
    prefix = keys.rate_history("")
    _, (fields,) = await read_together(resources, lambda pipe, keys: pipe.hkeys(keys.counts))
    counted = (keys.prefix + field.decode() for field in fields)
    names = [name for name in counted if name.startswith(prefix) and _names(name.removeprefix(prefix)) in wanted]
    _, histories = await read_together(resources, lambda pipe, _: [pipe.lrange(name, 0, -1) for name in names])
    found: list[ChangeOut] = []
    for name, history in zip(names, histories, strict=True):
        for stored in history:
            row = decode_rate_change(stored)
            value = None if row.value is None else msgspec.json.decode(row.value)
            found.append(change_out(name.removeprefix(prefix), row, value))
    found.sort(key=lambda change: change.offset, reverse=True)
    return found[:MAX_CHANGES]


def rows(some: Iterable[ValuationRate], among: Rates, now_ms: int) -> list[RateOut]:
    """Rates for an answer."""
    return [RateOut.of(rate, state_of(rate, among.values(), now_ms)) for rate in some]


def _names(key: str) -> tuple[str, str]:
    provider, _, rest = key.partition("/")
    return provider, rest.rpartition("@")[0].lower()
