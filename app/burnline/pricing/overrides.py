"""Which overrides concern an event, the nearest first.

1. Those of the event's organisation before those that hold for any.
2. Those for one model before patterns. Of patterns, the one with the most characters beside its stars; `*` alone, which
   is any model, comes last.
3. Within each, the event's provider, then its words ("ollama" of "ollama_chat"), then the catalogue's id for it (or,
   when the event names none that the catalogue knows, the provider that the catalogue matched), then "*" for any.
4. For each, the event's model, then the catalogue's id for it: a rate for gpt-4o prices gpt-4o-2024-08-06 too.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from burnline.pricing.card import ANY_PROVIDER
from burnline.pricing.providers import normal_name, provider_words
from burnline.pricing.valuation import ValuationRate, parts_of_key


class Place(NamedTuple):
    """Whom overrides concern; `org_id` is "" for any, provider and model (or pattern) are in lower case."""

    org_id: str
    provider: str
    model: str


class Asked(NamedTuple):
    """What an event is known by: as it says itself, and as `known` and `model_id` to the catalogue ("": unknown)."""

    org_id: str
    provider: str
    model: str
    known: str
    model_id: str

    @property
    def providers(self) -> tuple[str, ...]:
        """Names of its provider, the nearest first."""
        name = normal_name(self.provider)
        return tuple(dict.fromkeys((name, provider_words(name) if name else "", self.known, ANY_PROVIDER)))

    @property
    def models(self) -> tuple[str, ...]:
        """Names of its model, the nearest first."""
        names = (self.model.strip().lower(), self.model_id.lower())
        return tuple(dict.fromkeys(name for name in names if name))


def place_of(rate: ValuationRate) -> Place:
    """Whom an override concerns."""
    return Place(rate.org_id or "", rate.provider, rate.model.lower())


def place_of_key(key: str) -> Place:
    """The same by its record's key, see `rate_key`."""
    org_id, provider, model = parts_of_key(key)
    return Place(org_id, provider, model.lower())


class Places:
    """Immutable: whom overrides concern."""

    def __init__(self, places: Iterable[Place] = ()) -> None:
        """Hold these; their order does not matter."""
        held = set(places)
        self._patterns: dict[tuple[str, str], list[str]] = {}
        for place in sorted((each for each in held if "*" in each.model), key=_nearness):
            self._patterns.setdefault((place.org_id, place.provider), []).append(place.model)
        self.orgs = frozenset(place.org_id for place in held if place.org_id)
        """Organisations with overrides of their own."""

    def of(self, asked: Asked) -> Iterator[Place]:
        """Where overrides for an event stand or may stand, the nearest first: patterns only if they are held."""
        for org_id in (asked.org_id, "") if asked.org_id in self.orgs else ("",):
            for provider in asked.providers:
                yield from (Place(org_id, provider, model) for model in asked.models)
            for provider in asked.providers:
                patterns = self._patterns.get((org_id, provider), ())
                yield from (Place(org_id, provider, each) for each in patterns if concerns(each, asked.models))


class Overrides:
    """Immutable: every override by whom it concerns, and by its time."""

    def __init__(self, rates: Iterable[ValuationRate] = ()) -> None:
        """Hold these; their order does not matter."""
        held: dict[Place, dict[int, ValuationRate]] = {}
        # Keys may differ in the model's case alone and mean the same: the greater key wins, on every worker.
        for rate in sorted(rates, key=ValuationRate.key):
            held.setdefault(place_of(rate), {})[rate.effective_from] = rate
        self._dated = {place: tuple(dated[at] for at in sorted(dated)) for place, dated in held.items()}
        self.places = Places(held)

    def __bool__(self) -> bool:
        return bool(self._dated)

    def concerning(self, asked: Asked) -> Iterator[tuple[ValuationRate, ...]]:
        """Overrides by whom they concern, the nearest first; those of one place by their time."""
        for place in self.places.of(asked):
            found = self._dated.get(place)
            if found:
                yield found


def concerns(pattern: str, models: Iterable[str]) -> bool:
    """Whether a pattern fits one of these names; a star stands for any characters, or none."""
    return any(_fits(pattern, model) for model in models)


def newest(overrides: tuple[ValuationRate, ...], at_ms: int, forever_ms: int) -> tuple[ValuationRate | None, int]:
    """The newest override in force at a time, and when the next one comes into force."""
    current = None
    for override in overrides:
        if override.effective_from > at_ms:
            return current, override.effective_from
        current = override
    return current, forever_ms


def _nearness(place: Place) -> tuple[int, str]:
    return -len(place.model.replace("*", "")), place.model


def _fits(pattern: str, name: str) -> bool:
    first, *middle, last = pattern.split("*")
    if len(name) < len(first) + len(last) or not (name.startswith(first) and name.endswith(last)):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
