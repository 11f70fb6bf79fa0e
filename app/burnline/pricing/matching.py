"""Finding a model by name among one provider's, in the order in which the catalogue would.

The catalogue gives each model a clause (equals, starts with, contains, …) and takes the first model whose clause
holds. Most clauses are equalities, so those are looked up, and of the others only those are tried whose text stands in
the name (`clauses`): a name that nobody knows costs microseconds, not a walk over every model.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cached_property
from typing import NamedTuple

from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, PriceVariant

from burnline.pricing.card import PLAIN_TIERS, Tier
from burnline.pricing.clauses import Leaves, alternatives
from burnline.pricing.compiled import CompiledPrice, Price, compile_price, compile_prices, stated_prices, variants
from burnline.pricing.dated import Daily, Dated, Holding, Workdays, holding
from burnline.pricing.names import base_name

_DASHED_NUMBER = re.compile(r"(?<=[a-z]-)([0-9])-([0-9])(?![0-9a-z])")
_DOTTED_NUMBER = re.compile(r"(?<=[a-z]-)([0-9])\.([0-9])(?![0-9a-z])")
_COMPACT_DATE = re.compile(r"-(20[0-9]{2})([0-9]{2})([0-9]{2})(?=-|:|$)")


class Entry:
    """One model of one provider; its prices are compiled when they are first asked for, and then kept."""

    def __init__(self, info: ModelInfo, corrected: tuple[Dated[CompiledPrice], ...] = ()) -> None:
        """With the catalogue's prices, or those that correct them."""
        self.id = info.id
        self._info = info
        self._corrected = corrected

    @cached_property
    def prices(self) -> tuple[Dated[CompiledPrice], ...]:
        """Its prices, in the catalogue's order."""
        return self._corrected or compile_prices(self._info)

    def at(self, at_ms: int, service_tier: str = "") -> Holding[CompiledPrice]:
        """Its price at a time, at a service tier; without a rate where the catalogue has none for that tier."""
        if service_tier in PLAIN_TIERS:
            return holding(self.prices, at_ms)
        price, from_ms, until_ms = holding(stated_prices(self._info), at_ms)
        rates: dict[str, Price] = {}
        for condition, variant in variants(self.variants, service_tier):
            span = condition.span(at_ms)
            from_ms, until_ms = max(from_ms, span.from_ms), min(until_ms, span.until_ms)
            if span.holds:
                rates = {**vars(variant), **rates}
        if not rates:
            return Holding(CompiledPrice((), f"no rate for service tier {service_tier!r}"), from_ms, until_ms)
        compiled = compile_price(ModelPrice(**{**vars(price), **rates}))
        note = f"service tier {service_tier}"
        both = f"{note}; {compiled.note}" if compiled.note else note
        return Holding(compiled._replace(note=both), from_ms, until_ms)

    def corrected(self, prices: tuple[Dated[CompiledPrice], ...]) -> "Entry":
        """The same model at other prices."""
        return Entry(self._info, prices)

    @cached_property
    def keeps_hours(self) -> bool:
        """Whether its price changes with the time of day: its maker's, and no other host's."""
        return any(isinstance(price.condition, Daily | Workdays) for price in self.prices)

    @cached_property
    def rates(self) -> tuple[Dated[tuple[Tier, ...]], ...]:
        """What it asks and when, without words: two entries with the same rates cost the same at any time."""
        return tuple(Dated(price.condition, price.value.tiers) for price in self.prices)

    def asks_as(self, other: "Entry") -> bool:
        """Whether it costs at any time, and at any service tier, what the other one does."""
        return self.rates == other.rates and self.variants == other.variants

    @property
    def variants(self) -> Sequence[PriceVariant]:
        """What it asks at service tiers, as the catalogue states it."""
        return () if self._corrected else self._info.price_variants or ()


class Found(NamedTuple):
    """A model, and the rule that found it."""

    entry: Entry
    rule: str


class ModelIndex:
    """The models of one provider."""

    def __init__(self, models: Sequence[ModelInfo]) -> None:
        self._entries = [Entry(model) for model in models]
        self._ids: dict[str, int] = {}
        self._equals: dict[str, int] = {}
        self._leaves = Leaves()
        for place, model in enumerate(models):
            self._ids.setdefault(model.id.lower(), place)
            for clause in alternatives(model.match):
                if isinstance(clause, ClauseEquals):
                    self._equals.setdefault(clause.equals.lower(), place)
                else:
                    self._leaves.add(place, clause)

    def correct(self, name: str, prices: tuple[Dated[CompiledPrice], ...]) -> None:
        """Give a model other prices; where `name` is not its id, only under that name.

        Does nothing where the catalogue has no such name: then there is nothing to correct.
        """
        found = self.named(name)
        if found is None:
            return
        place, entry = self._ids.get(name), found.entry.corrected(prices)
        if place is None:
            place = self._ids[name] = len(self._entries)
            self._entries.append(entry)
        self._entries[place] = entry

    @property
    def entries(self) -> Sequence[Entry]:
        """Every model, in the catalogue's order."""
        return self._entries

    @property
    def names(self) -> Iterator[tuple[str, Entry]]:
        """Every name that stands for a model as it is, in lower case, and the model; ids go first."""
        return ((name, self._entries[place]) for names in (self._ids, self._equals) for name, place in names.items())

    def exact(self, name: str) -> Found | None:
        """The model with this id. Names are lower case here and below."""
        place = self._ids.get(name)
        return None if place is None else Found(self._entries[place], "exact id")

    def named(self, name: str) -> Found | None:
        """The model that the name stands for as it is: by its id, or an equality among its clauses."""
        found = self.exact(name)
        if found is None and name in self._equals:
            return Found(self._entries[self._equals[name]], f"catalogue: equals {name}")
        return found

    def by_rule(self, name: str) -> Found | None:
        """The first model, in the catalogue's order, whose clause holds for the name."""
        equal = self._equals.get(name)
        for place, rule, holds in self._leaves.of(name):
            if equal is not None and place >= equal:
                break
            if holds(name):
                return Found(self._entries[place], f"catalogue: {rule}")
        return None if equal is None else Found(self._entries[equal], f"catalogue: equals {name}")

    def find(self, name: str) -> Found | None:
        """By id, else by rule, else without what says which version it is, or with the version's dots as dashes."""
        found = self.exact(name) or self.by_rule(name)
        if found:
            return found
        for other in dict.fromkeys((dashed_dates(name), base_name(name), *_dotted(base_name(name)))):
            found = self.named(other) if other != name else None
            if found:
                return Found(found.entry, f"{found.rule}, read as {other!r}")
        return None


def dashed_dates(name: str) -> str:
    """The name with compact dates written with dashes: `-20251211` as `-2025-12-11`.

    Gateways shorten dates so; the catalogue knows the dashed form and tries it when a name is unknown as it stands.
    """

    def dashed(found: re.Match[str]) -> str:
        year, month, day = found.groups()
        try:
            return f"-{date(int(year), int(month), int(day)).isoformat()}"
        except ValueError:  # 20251399 is a number, not a day
            return found[0]

    return _COMPACT_DATE.sub(dashed, name)


def _dotted(name: str) -> Iterator[str]:
    yield _DASHED_NUMBER.sub(r"\1.\2", name)
    yield _DOTTED_NUMBER.sub(r"\1-\2", name)
