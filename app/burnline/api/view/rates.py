"""The rates that were set, as the projection has them."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from burnline.api.resources import Resources
from burnline.api.view.generation import read_together
from burnline.api.view.rate_shapes import ChangeOut, RateOut, State, change_out
from burnline.pricing.book import RateBook
from burnline.pricing.card import ANY_PROVIDER, RateCard
from burnline.pricing.overrides import place_of, place_of_key
from burnline.pricing.valuation import ValuationRate
from burnline.readmodel.keys import Keys
from burnline.readmodel.rows import decode_rate_change

MAX_CHANGES = 500
"""Newest changes of a model that are shown."""

Rates = Mapping[str, ValuationRate]


class Order(NamedTuple):
    """A rate's place in the list."""

    provider: str
    model: str
    org_id: str
    effective_from: int
    exact_model: str


def order_of(rate: ValuationRate) -> Order:
    """By provider, model, organisation and time; keys may differ in the model's case alone."""
    return Order(rate.provider, rate.model.lower(), rate.org_id or "", rate.effective_from, rate.model)


def rates_from(answer: Mapping[bytes, bytes]) -> dict[str, ValuationRate]:
    """Rates out of the projection's hash. Whatever is none was refused by the projector already.

    Raises:
        ValuationRateError: A value in Redis is no rate.
    """
    rates = [ValuationRate.parse(key, value) for key, value in answer.items()]
    return {rate.key(): rate for rate in sorted(rates, key=order_of)}


def provider_of(name: str) -> str | None:
    """A provider in a path as an event would name it; any provider is none."""
    return None if name.strip() == ANY_PROVIDER else name


def card_at(book: RateBook, provider: str, model: str, at_ms: int, org_id: str | None = None) -> RateCard:
    """The card in force for a provider (`*`: any) and model."""
    return book.resolve(provider_of(provider), model, at_ms, org_id=org_id or "")


def state_of(rate: ValuationRate, among: Iterable[ValuationRate], now_ms: int) -> State:
    """Where a rate stands against the clock, and against later ones for the same provider and model."""
    if rate.effective_from > now_ms:
        return State.TO_COME
    place = place_of(rate)
    times = (other.effective_from for other in among if place_of(other) == place and other.effective_from <= now_ms)
    newest = max(times, default=rate.effective_from)
    return State.IN_FORCE if rate.effective_from >= newest else State.PAST


def of_model(rates: Rates, book: RateBook, provider: str, model: str, org_id: str | None) -> list[ValuationRate]:
    """The set rates that may price a provider's model, in the list's order."""
    wanted = set(book.places(provider_of(provider), model, org_id or ""))
    return [rate for rate in rates.values() if place_of(rate) in wanted]


async def changes_of(
    resources: Resources, keys: Keys, book: RateBook, provider: str, model: str, org_id: str | None
) -> list[ChangeOut]:
    """Every change of those rates that the projection remembers, deletions included, newest first.

    Deleted rates are in no index; the counts name their histories.
    """
    prefix = keys.rate_history("")
    _, (fields,) = await read_together(resources, lambda pipe, keys: pipe.hkeys(keys.counts))
    counted = (keys.prefix + field.decode() for field in fields)
    places = {name: place_of_key(name.removeprefix(prefix)) for name in counted if name.startswith(prefix)}
    wanted = set(book.places(provider_of(provider), model, org_id or "", among=places.values()))
    names = [name for name, place in places.items() if place in wanted]
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
