"""The bundled catalogue (genai-prices): who serves a model, and under which of its names.

Importing this module loads the catalogue's data, about 0.15 s and 32 MB; `RateBook.bundled()` does so when it is
first called. Nothing is fetched: the data is a Python module of the installed package.

The order in which a (provider, model) is matched; the first hit counts, and the rule says which it was:

With a provider that the catalogue knows (by `providers.CATALOGUE_IDS`, by id, or by the catalogue's own rule):
  1. the provider's model with exactly this id;
  2. the provider's models by the catalogue's clauses;
  3. the same two for each provider that the catalogue names as its fallback (Azure serves OpenAI's models);
  4. steps 1 to 3 with compact dates written out (-20251211 as -2025-12-11).
  A model that a known provider does not list stays unpriced: another provider's rate would be a guess.

Without a provider, or with one that the catalogue does not know:
  5. steps 1 to 4 at each provider that claims the name by the catalogue's rule ("gpt-" is OpenAI's), in its order;
  6. where the name begins with a provider and "/" or ":" ("bedrock/…"), steps 1 to 4 there with the rest of it;
     for a gateway such as LiteLLM, which builds names so, this goes before 5;
  7. the exact id at any provider, in the catalogue's order.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Self

from genai_prices import types

from burnline.pricing.matching import Entry, Found, ModelIndex, dashed_dates, predicate
from burnline.pricing.providers import CATALOGUE_IDS, GATEWAYS, normal_name

MATCHES_HELD = 4096
"""Newest matches that are remembered; endless misspelt names cannot take more memory than that."""
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Match:
    """What the catalogue makes of a (provider, model).

    `provider` is the catalogue's id, "" when none was found; `entry` the model, None when nothing matched; `rule`
    says in words what matched or why nothing did.
    """

    provider: str
    entry: Entry | None
    rule: str


class _Provider:
    def __init__(self, info: types.Provider) -> None:
        self.id = info.id
        self.models = ModelIndex(info.models)
        self.fallbacks: Sequence[str] = info.fallback_model_providers or ()
        self.answers_to = _rule(info.provider_match)
        self.claims = _rule(info.model_match)


class Catalogue:
    """Every provider and model of one version of the catalogue; immutable but for its bounded memory of matches."""

    def __init__(self, providers: Sequence[types.Provider]) -> None:
        self._providers = {info.id: _Provider(info) for info in providers}
        self._listing: dict[str, list[str]] = {}
        for provider in self._providers.values():
            for entry in provider.models.entries:
                self._listing.setdefault(entry.id.lower(), []).append(provider.id)
        self._remembered = lru_cache(maxsize=MATCHES_HELD)(self._match)

    @classmethod
    @cache
    def bundled(cls) -> Self:
        """The catalogue of the installed package, built once."""
        from genai_prices.data import providers  # its objects are built on import: not before somebody asks

        return cls(providers)

    def match(self, provider: str | None, model: str) -> Match:
        """Match a model as an event names it. Deterministic, and never an error."""
        return self._remembered(normal_name(provider or ""), model.strip().lower())

    def provider_id(self, name: str) -> str | None:
        """The catalogue's id for a provider's name, None when it knows no such provider."""
        known = CATALOGUE_IDS.get(name, name)
        if known in self._providers:
            return known
        return next((each.id for each in self._providers.values() if each.answers_to(known)), None)

    def models(self) -> Iterator[tuple[str, Entry]]:
        """Every (provider id, model), in the catalogue's order."""
        return ((each.id, entry) for each in self._providers.values() for entry in each.models.entries)

    def _match(self, provider: str, model: str) -> Match:
        if provider in GATEWAYS:
            by_prefix = self._by_prefix(model)
            return by_prefix or self._anywhere(model, f"{provider} is a gateway")
        if not provider:
            return self._anywhere(model, "no provider given")
        known = self.provider_id(provider)
        if known is None:
            return self._anywhere(model, f"provider {_shown(provider)} is not in the catalogue")
        found = self._at(self._providers[known], model)
        if found:
            return Match(known, found.entry, found.rule)
        elsewhere = self._anywhere(model, "")
        hint = f"; without a provider it would be {elsewhere.provider}/{elsewhere.entry.id}" if elsewhere.entry else ""
        return Match(known, None, f"{known} lists no model {_shown(model)}{hint}")

    def _at(self, provider: _Provider, model: str) -> Found | None:
        dashed = dashed_dates(model)
        found = self._offered(provider, model)
        if found is None and dashed != model:
            found = self._offered(provider, dashed)
            return found and Found(found.entry, f"{found.rule}, read as {_shown(dashed)}")
        return found

    def _offered(self, provider: _Provider, model: str) -> Found | None:
        found = provider.models.find(model)
        if found:
            return found
        for name in provider.fallbacks:
            found = self._providers[name].models.find(model) if name in self._providers else None
            if found:
                return Found(found.entry, f"{provider.id} serves {name}'s models: {found.rule}")
        return None

    def _anywhere(self, model: str, why: str) -> Match:
        for provider in self._providers.values():
            found = self._at(provider, model) if provider.claims(model) else None
            if found:
                return Match(provider.id, found.entry, f"{why}, {provider.id} claims the name: {found.rule}")
        by_prefix = self._by_prefix(model)
        if by_prefix:
            return by_prefix
        listing = self._listing.get(model, [])
        if listing:
            found = self._providers[listing[0]].models.exact(model)
            others = f", first of {len(listing)} providers that list it" if len(listing) > 1 else ""
            return Match(listing[0], found and found.entry, f"{why}, {listing[0]}{others}: exact id")
        return Match("", None, f"{why}, and no provider in the catalogue has a model {_shown(model)}")

    def _by_prefix(self, model: str) -> Match | None:
        for separator in "/:":
            prefix, _, rest = model.partition(separator)
            known = CATALOGUE_IDS.get(prefix, prefix)
            found = self._at(self._providers[known], rest) if rest and known in self._providers else None
            if found:
                return Match(known, found.entry, f"the name begins with {prefix}{separator}: {found.rule}")
        return None


def _rule(clause: types.MatchLogic | None) -> Callable[[str], bool]:
    return predicate(clause) if clause is not None else lambda _: False


def _shown(name: str) -> str:
    return repr(name if len(name) <= _SHOWN else name[: _SHOWN - 1] + "…")
