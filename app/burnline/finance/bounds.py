"""What tokens without a rate may cost: between the cheapest input rate and the dearest rate of the catalogue.

The bounds are taken over all models of the provider (of the whole catalogue, where the provider is unknown or has no
rates), over all their tiers and dated prices:

- low: the least input rate above zero. A model that is given away says nothing about one whose rate is unknown.
- high: the greatest rate of any token, which is an output or reasoning rate.

Overrides (`valuation-rates`) do not move them: they are contracts for the models they name.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Self

from burnline.pricing.card import Tier
from burnline.pricing.providers import normal_name

if TYPE_CHECKING:
    from burnline.pricing.catalogue import Catalogue


class TokenBounds(NamedTuple):
    """The least and the most that one token may cost, in pico-USD."""

    low: int
    high: int


class Sum(NamedTuple):
    """Tokens without a rate, and what they may come to, in pico-USD."""

    tokens: int
    low: int
    high: int


class UnpricedBounds:
    """Bounds per provider, out of one catalogue."""

    def __init__(self, catalogue: "Catalogue") -> None:
        tiers: dict[str, list[Tier]] = {}
        for provider, entry in catalogue.models():
            held = tiers.setdefault(provider, [])
            held.extend(tier for price in entry.prices for tier in price.value.tiers)
        self._catalogue = catalogue
        self._overall = _bounds(tier for held in tiers.values() for tier in held) or TokenBounds(0, 0)
        self._by_provider = {provider: _bounds(held) or self._overall for provider, held in tiers.items()}

    @classmethod
    @cache
    def bundled(cls) -> Self:
        """Of the bundled catalogue: a quarter of a second at the first call."""
        from burnline.pricing.catalogue import Catalogue  # loads its data on import

        return cls(Catalogue.bundled())

    def of(self, provider: str) -> TokenBounds:
        """The bounds of one token of this provider, as events name it; "" if nobody knows."""
        known = self._catalogue.provider_id(normal_name(provider)) if provider else None
        return self._overall if known is None else self._by_provider.get(known, self._overall)

    def total(self, tokens_by_provider: Mapping[str, int]) -> Sum:
        """The sum over some providers."""
        bounds = [(tokens, self.of(provider)) for provider, tokens in tokens_by_provider.items() if tokens]
        return Sum(
            sum(tokens for tokens, _ in bounds),
            sum(tokens * each.low for tokens, each in bounds),
            sum(tokens * each.high for tokens, each in bounds),
        )


def _bounds(tiers: Iterable[Tier]) -> TokenBounds | None:
    held = list(tiers)
    low = min((tier.input for tier in held if tier.input > 0), default=None)
    high = max((max(t.input, t.output, t.cached_input, t.cache_write, t.reasoning) for t in held), default=0)
    return None if low is None else TokenBounds(low, high)
