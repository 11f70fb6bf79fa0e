"""A catalogue of prices: who serves a model, and under which of its names.

The bundled one is that of the installed package genai-prices, a Python module: to load it takes about 0.15 s and
32 MB, when `Catalogue.bundled()` is first called. Nothing is fetched. Others come out of a snapshot (`snapshot`).

The order in which a (provider, model) is matched; the first hit counts, and the rule says which it was. A model's name
is tried as it stands and then in each of its readings (`names`: resource names, providers and regions before it,
versions behind it).

With a provider that the catalogue knows (`providers`: by the words of its name):
  1. the provider's model with exactly this id;
  2. the provider's models by the catalogue's clauses; where a clause leaves the end of the name open, only a version
     may stand there (`-fast` or `-mini` is another product);
  3. the id without its version, or with compact dates written out (-20251211 as -2025-12-11);
  4. the same for each provider that the catalogue names as its fallback (Azure serves OpenAI's models), but for models
     with open weights, which each host prices by itself.
  A model that a known provider does not list stays unpriced: another provider's rate would be a guess.

With a provider that the catalogue does not know: unpriced, whatever the model is called. Who hosts a model sets its
price. The rule says how to give it a rate.

Without a provider, or with a gateway such as LiteLLM, which stands before any provider:
  5. the provider that the name itself says (`bedrock/…`, an ARN, an id in Bedrock's form), as above;
  6. its maker: a provider that claims the name by the catalogue's rule ("gpt-" is OpenAI's);
  7. every provider that lists the id, if all of them ask the same.
  What stands before the name has to be a maker as hosts write them ("meta-llama/…"), else it is taken for a host.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Self

from genai_prices import __version__ as genai_prices_version
from genai_prices import types

from burnline.pricing.clauses import any_holds, predicate
from burnline.pricing.corrections import CORRECTIONS, Correction
from burnline.pricing.matching import Entry, Found, ModelIndex
from burnline.pricing.names import FINE_TUNED, Reading, is_opaque, readings
from burnline.pricing.providers import CATALOGUE_IDS, GATEWAYS, MAKERS_NAMES, normal_name, provider_words
from burnline.pricing.regions import REGIONS, Regions
from burnline.pricing.snapshot import Contents, digest
from burnline.pricing.supplements import supplemented
from burnline.pricing.unknown import Key, Unknown, UnknownNames

MATCHES_HELD = 4096
"""Matches that are remembered; names that nobody knows are in `UnknownNames`, and push none of them out."""
OPEN_WEIGHTS = ("deepseek", "gpt-oss")
"""How models begin that anybody may host: of a maker's price list they say nothing about another host's."""
_SHOWN = 80
_SERVES = "it serves {}'s models"
_HINT = ": `burnline rates set` gives it a rate"


@dataclass(frozen=True, slots=True)
class Match:
    """What the catalogue makes of a (provider, model).

    `provider` is the catalogue's id, "" when none was found; `entry` the model, None when nothing matched; `rule`
    says in words what matched or why nothing did; `region` is where the model's name says that it is served.
    """

    provider: str
    entry: Entry | None
    rule: str
    region: str = ""


class _Provider:
    def __init__(self, info: types.Provider) -> None:
        self.id = info.id
        self.models = ModelIndex(info.models)
        self.fallbacks: Sequence[str] = info.fallback_model_providers or ()
        self.own = MAKERS_NAMES.get(info.id, ())
        self._claims = predicate(info.model_match) if info.model_match is not None else None

    @property
    def makes_models(self) -> bool:
        """Whether it claims any model as one of its own making."""
        return bool(self.own) or self._claims is not None

    def claims(self, name: str) -> bool:
        """Whether a model of this name is one of its own making."""
        return name.startswith(self.own) if self.own else self._claims is not None and self._claims(name)


class Catalogue:
    """Every provider and model of one version of the catalogue; immutable but for its bounded memory of names."""

    def __init__(
        self,
        providers: Sequence[types.Provider],
        corrections: Sequence[Correction] = (),
        regions: Regions = REGIONS,
        source: str = "",
    ) -> None:
        """These providers at their prices, but for the corrected ones.

        Args:
            providers: As genai-prices has them.
            corrections: Prices that go before theirs.
            regions: What a model costs more where.
            source: Where it came from, for people.
        """
        self.contents = Contents(providers, corrections, regions)
        """All that its prices follow from."""
        self.regions = regions
        self.source = source
        self._providers = {info.id: _Provider(info) for info in providers}
        for each in corrections:
            if each.provider in self._providers:
                self._providers[each.provider].models.correct(each.name, each.prices)
        self._words = {provider_words(name): name for name in self._providers}
        self._listing: dict[str, dict[str, Entry]] = {}
        for provider in self._providers.values():
            for name, entry in provider.models.names:
                self._listing.setdefault(_last(name), {}).setdefault(provider.id, entry)
        paths = (name.split("/")[:-1] for each in self._providers.values() for name, _ in each.models.names)
        self._makers = frozenset(part for path in paths for part in path)
        """What hosts write before the names of models: whose they are."""
        makers = (each for each in self._providers.values() if each.makes_models)
        self._claimants = sorted(makers, key=lambda each: each.id in MAKERS_NAMES)
        claims = [info.model_match for info in providers if info.model_match is not None]
        self._may_be_claimed = any_holds(claims, (own for each in self._claimants for own in each.own))
        self._known: dict[Key, Match] = {}
        self._unknown = UnknownNames()

    @classmethod
    @cache
    def bundled(cls) -> Self:
        """The catalogue of the installed package, built once."""
        from genai_prices.data import providers  # its objects are built on import: not before somebody asks

        return cls(supplemented(providers), CORRECTIONS, source=f"genai-prices {genai_prices_version}")

    @cached_property
    def version(self) -> str:
        """What tells these prices from all others: 12 hexadecimal digits of a hash over all that they follow from."""
        return digest(self.contents)

    def match(self, provider: str | None, model: str, region: str = "") -> Match:
        """Match a model as an event names it, and the region that it says. Deterministic, and never an error."""
        key = normal_name(provider or ""), model.strip().lower(), region.strip().lower()
        known = self._known.get(key)
        if known is not None:
            return known
        shown = _shown(key[1])
        unknown = self._unknown.get(key, shown)
        if unknown is not None:
            return Match(unknown.provider, None, unknown.why)
        found = self._match(*key)
        if found.entry is None and not found.region:
            self._unknown.note(key, shown, Unknown(found.provider, found.rule))
            return found
        if len(self._known) >= MATCHES_HELD:
            self._known.clear()
        self._known[key] = found
        return found

    def provider_id(self, name: str) -> str | None:
        """The catalogue's id for a provider's name, None when it knows no such provider."""
        if name in self._providers:
            return name
        words = provider_words(name)
        known = CATALOGUE_IDS.get(words) or self._words.get(words)
        return known if known in self._providers else None

    def listed(self, provider: str, name: str) -> Entry | None:
        """The model that stands for a name, in lower case, at a provider by its id; None where there is none."""
        found = self._providers[provider].models.named(name) if provider in self._providers else None
        return None if found is None else found.entry

    def models(self) -> Iterator[tuple[str, Entry]]:
        """Every (provider id, model), in the catalogue's order."""
        return ((each.id, entry) for each in self._providers.values() for entry in each.models.entries)

    def _match(self, provider: str, model: str, region: str) -> Match:
        if not provider:
            return self._anywhere(model, region, "no provider given")
        if provider_words(provider) in GATEWAYS:
            return self._anywhere(model, region, f"{_shown(provider)} is a gateway")
        known = self.provider_id(provider)
        if known is None:
            return Match("", None, f"provider {_shown(provider)} is not in the catalogue{_HINT}")
        found = self._at(self._providers[known], readings(model, self.provider_id, known, region))
        return found or Match(known, None, self._not_listed(known, model))

    def _not_listed(self, provider: str, model: str) -> str:
        if is_opaque(model):
            return f"{_shown(model)} does not say which model it is{_HINT}"
        elsewhere = self._anywhere(model, "", "")
        hint = f"; without a provider it would be {elsewhere.provider}/{elsewhere.entry.id}" if elsewhere.entry else ""
        return f"{provider} lists no model {_shown(model)}{hint}"

    def _at(self, provider: _Provider, read: Sequence[Reading]) -> Match | None:
        """What a provider makes of a name: one of its own models, else one of a maker whose models it serves."""
        own = _found_in(provider.models, read)
        if own:
            return _match_of(provider.id, *own)
        for name in provider.fallbacks:
            maker = self._providers.get(name)
            theirs = maker and _found_in(maker.models, [_without_maker(each, name) for each in read])
            if theirs and theirs[1].entry.id.lower().startswith(OPEN_WEIGHTS):
                return Match(provider.id, None, f"{name} publishes its weights: each host has its own price{_HINT}")
            if theirs and theirs[1].entry.keeps_hours:
                return Match(provider.id, None, f"{name} prices it by the hour, and {provider.id} does not{_HINT}")
            if theirs:
                reading, found = theirs
                return _match_of(provider.id, reading, found._replace(rule=f"{_SERVES.format(name)}: {found.rule}"))
        return None

    def _anywhere(self, model: str, region: str, why: str) -> Match:
        if is_opaque(model):
            return Match("", None, f"{why}, and {_shown(model)} does not say which model it is{_HINT}")
        read = readings(model, self.provider_id, region=region)
        hosts = dict.fromkeys(each.host for each in read if each.host in self._providers)
        for host in hosts:
            found = self._at(self._providers[host], [each for each in read if each.host == host])
            if found:
                return found
        if "aws" in hosts:
            return Match("aws", None, f"{why}, and aws lists no model {_shown(model)}")
        plain = [each for each in read if not each.host and self._makers.issuperset(each.model.split("/")[:-1])]
        if not plain:
            host = model.partition("/")[0]
            return Match("", None, f"{why}, and {_shown(host)} before the name is not in the catalogue{_HINT}")
        return self._by_maker(plain, why) or self._by_agreement(plain, model, why)

    def _by_maker(self, read: Sequence[Reading], why: str) -> Match | None:
        """The model of a provider that claims the name as its own; unpriced if none that does lists it."""
        if not any(self._may_be_claimed(reading.model.removeprefix(FINE_TUNED)) for reading in read):
            return None  # as below, and at once
        claimants = []
        for provider in self._claimants:
            claimed = [reading for reading in read if provider.claims(reading.model.removeprefix(FINE_TUNED))]
            found = _found_in(provider.models, claimed) if claimed else None
            if found:
                own = found[1]._replace(rule=f"{why}, {provider.id} claims the name: {found[1].rule}")
                return _match_of(provider.id, found[0], own)
            claimants += [provider.id] if claimed else []
        if not claimants:
            return None
        return Match("", None, f"{why}, and {', '.join(claimants)} claims the name but lists no such model{_HINT}")

    def _by_agreement(self, read: Sequence[Reading], model: str, why: str) -> Match:
        """The price that all providers ask that list the model, whatever path they write before it."""
        for reading in read:
            found = self._listing.get(_last(reading.model), {})
            if len({entry.rates for entry in found.values()}) > 1:
                listed = f"{why}, and the {len(found)} providers that list it differ in price"
                return Match("", None, f"{listed}: name the provider, or `burnline rates set` gives it a rate")
            if found:
                name, entry = next(iter(found.items()))
                who = f"only {name} lists it" if len(found) == 1 else f"all {len(found)} providers that list it agree"
                return Match(name if len(found) == 1 else "", entry, f"{why}, {who}")
        return Match("", None, f"{why}, and no provider in the catalogue has a model {_shown(model)}")


def _found_in(models: ModelIndex, read: Sequence[Reading]) -> tuple[Reading, Found] | None:
    """A model by one of the readings of its name.

    As it is named first, the most literal reading before the others; then by what a clause leaves open, the reading
    that has come furthest before the others, since in an outer one a region would pass for a part of the name.
    """
    for reading in read:
        found = models.find(reading.model) if reading.at_once else models.named(reading.model)
        if found:
            return reading, found
    for reading in reversed(read):
        found = models.find(reading.model)
        if found:
            return reading, found
    return None


def _match_of(provider: str, reading: Reading, found: Found) -> Match:
    rule = f"{reading.how}: {found.rule}" if reading.how else found.rule
    return Match(provider, found.entry, rule, reading.region)


def _last(name: str) -> str:
    """A model's name without the path before it: hosts of open models write their makers there, or do not."""
    return name.rpartition("/")[2]


def _without_maker(reading: Reading, maker: str) -> Reading:
    """A host names a maker's model with its maker before it, or without."""
    return reading._replace(model=reading.model.removeprefix(f"{maker}/"))


def _shown(name: str) -> str:
    return repr(name if len(name) <= _SHOWN else name[: _SHOWN - 1] + "…")
