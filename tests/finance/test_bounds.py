"""What tokens without a rate may cost."""

import pytest

from burnline.finance.bounds import UnpricedBounds
from burnline.pricing.catalogue import Catalogue

BOUNDS = UnpricedBounds.bundled()


@pytest.mark.parametrize("provider", ["openai", "anthropic", "azure.ai.openai", "", "no such provider"])
def test_a_floor_and_a_ceiling(provider: str) -> None:
    bounds = BOUNDS.of(provider)
    assert 0 < bounds.low < bounds.high


def test_every_rate_of_a_provider_lies_within() -> None:
    for provider, entry in Catalogue.bundled().models():
        bounds = BOUNDS.of(provider)
        for price in entry.prices:
            for tier in price.value.tiers:
                assert tier.input == 0 or bounds.low <= tier.input
                assert max(tier.input, tier.output, tier.reasoning) <= bounds.high


def test_a_provider_nobody_knows_has_the_bounds_of_all() -> None:
    overall = BOUNDS.of("")
    assert BOUNDS.of("no such provider") == overall
    assert all(overall.low <= BOUNDS.of(provider).low for provider, _ in Catalogue.bundled().models())


def test_names_are_those_of_events() -> None:
    assert BOUNDS.of(" AWS.Bedrock") == BOUNDS.of("aws") != BOUNDS.of("")


def test_sums_over_providers() -> None:
    openai, other = BOUNDS.of("openai"), BOUNDS.of("")
    found = BOUNDS.total({"openai": 10, "": 3, "anthropic": 0})
    assert found == (13, 10 * openai.low + 3 * other.low, 10 * openai.high + 3 * other.high)
    assert BOUNDS.total({}) == (0, 0, 0)
