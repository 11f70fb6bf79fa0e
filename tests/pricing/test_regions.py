"""Surcharges by region: 100,000 input and 10,000 output tokens of one model, by where it is served."""

import pytest

from burnline.pricing.book import RateBook
from burnline.pricing.card import RateCard, charge
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.regions import REGIONS

NOW_MS = 1_795_845_077_002
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"


def cost_usd(card: RateCard) -> float:
    assert card.priced, card.rule
    return charge(card, 100_000, 10_000, 0, 0, 0).cost_pico_usd / 10**12


@pytest.mark.parametrize(
    ("provider", "name", "usd"),
    [
        pytest.param("aws.bedrock", f"us-gov.{SONNET}", 0.54, id="GovCloud: 3.60/18.00"),
        pytest.param("aws.bedrock", f"bedrock/us-gov-west-1/{SONNET}", 0.54, id="GovCloud, by region"),
        pytest.param("aws.bedrock", f"eu.{SONNET}", 0.495, id="Bedrock, a geographic profile"),
        pytest.param("aws.bedrock", f"global.{SONNET}", 0.45, id="Bedrock, global"),
        pytest.param("gcp.vertex_ai", "projects/p/locations/europe-west1/publishers/anthropic/models/claude-sonnet-4-5",
                     0.495, id="Vertex, a region"),
        pytest.param("gcp.vertex_ai", "projects/p/locations/global/publishers/anthropic/models/claude-sonnet-4-5",
                     0.45, id="Vertex, global"),
        pytest.param("azure", "azure/eu/gpt-4o", 0.385, id="Azure, a data zone"),
        pytest.param("azure", "azure/global/gpt-4o", 0.35, id="Azure, global"),
    ],
)  # fmt: skip
def test_a_region_in_the_models_name_sets_the_price(provider: str, name: str, usd: float) -> None:
    card = RateBook.bundled().resolve(provider, name, NOW_MS)
    assert cost_usd(card) == pytest.approx(usd, abs=1e-12)


def test_the_rule_says_what_the_region_adds_and_why() -> None:
    assert "1.2 times the plain rates" in RateBook.bundled().resolve("aws", f"us-gov.{SONNET}", NOW_MS).rule


def test_a_surcharge_has_a_beginning() -> None:
    name = "projects/p/locations/europe-west4/publishers/google/models/gemini-3.5-flash"
    book = RateBook.bundled()
    start_ms = 1_782_864_000_000
    before, after = book.resolve("google", name, start_ms - 1), book.resolve("google", name, start_ms)
    assert before.valid_until_ms == after.valid_from_ms == start_ms
    assert [tier.input * 10 for tier in after.tiers] == [tier.input * 11 for tier in before.tiers]


@pytest.mark.parametrize("name", ["us-gov.amazon.titan-text-lite-v1", "us-gov.meta.llama3-8b-instruct-v1:0"])
def test_models_that_no_factor_prices_have_no_rate_there(name: str) -> None:
    card = RateBook.bundled().resolve("aws", name, NOW_MS)
    assert not card.priced
    assert "us-gov" in card.rule


def test_no_region_no_surcharge() -> None:
    assert REGIONS.surcharge("google", "claude-sonnet-4-5", "") is None


def test_upstream_still_lumps_govcloud_with_the_other_regions() -> None:
    """Once the catalogue has prices of its own for GovCloud, ours have to go."""
    catalogue = Catalogue.bundled()
    index = next(entry for provider, entry in catalogue.models() if entry.id == f"regional.{SONNET}")
    assert index.prices[-1].value.tiers[0].input == 3_300_000
    assert not [entry.id for provider, entry in catalogue.models() if provider == "aws" and "us-gov" in entry.id]
