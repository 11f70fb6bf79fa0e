"""Rates that look like a mistake."""

import pytest

from burnline.pricing.book import RateBook
from burnline.pricing.card import RateCard, Tier
from burnline.pricing.doubts import FAR, Doubt, doubts
from burnline.pricing.valuation import ValuationRate

TIER = Tier(0, input=2_000_000, output=8_000_000, cached_input=1_000_000, cache_write=0, reasoning=8_000_000)
LONG = Tier(200_000, input=4_000_000_000, output=1, cached_input=1, cache_write=1, reasoning=1)
CARD = RateCard("p", "m", "catalogue", "exact id", 0, 1, (TIER, LONG))
"""Input 2, output and reasoning 8, cached input 1 USD per million tokens; writing to the cache is free."""


def rate(**parts: str) -> ValuationRate:
    fields = {
        f"{part}_usd_per_million_tokens": value for part, value in ({"input": "2", "output": "8"} | parts).items()
    }
    return ValuationRate.model_validate({"provider": "p", "model": "m", "effective_from": 0, **fields})


def found(**parts: str) -> list[Doubt]:
    return doubts(rate(**parts), CARD)


@pytest.mark.parametrize(
    ("part", "value", "catalogue"),
    [
        pytest.param("input", "2000", "2", id="a-thousand-times"),
        pytest.param("output", "0.008", "8", id="a-thousandth"),
        pytest.param("cached_input", "0", "1", id="nothing"),
        pytest.param("reasoning", "1000000", "8", id="far-beyond"),
    ],
)
def test_far(part: str, value: str, catalogue: str) -> None:
    assert found(**{part: value}) == [Doubt(f"{part}_usd_per_million_tokens", value, catalogue)]


@pytest.mark.parametrize(
    ("part", "value"),
    [
        pytest.param("input", "1999.999999", id="just-below-a-thousand-times"),
        pytest.param("output", "0.008001", id="just-above-a-thousandth"),
        pytest.param("cache_write", "1000000", id="in-place-of-nothing"),
        pytest.param("cache_write", "0", id="nothing-in-place-of-nothing"),
    ],
)
def test_not_far(part: str, value: str) -> None:
    assert found(**{part: value}) == []


def test_what_is_not_stated_is_not_doubted() -> None:
    """It costs what its whole does, which is doubted in its own name."""
    assert [doubt.field for doubt in found(input="2000")] == ["input_usd_per_million_tokens"]


def test_several() -> None:
    assert len(found(input="2000", output="8000", cached_input="1000")) == 3


def test_nothing_to_compare_with() -> None:
    assert doubts(rate(input="1000000"), RateCard("p", "m", "none", "", 0, 1, ())) == []


def test_rates_per_thousand_tokens_are_far_from_every_model_of_the_catalogue() -> None:
    """The unit that is mixed up most: whatever a model costs, a thousandth of it is doubted."""
    card = RateBook.bundled().resolve("openai", "gpt-4o", 1_760_000_000_000)
    base = card.tiers[0]
    per_thousand = rate(input=f"{base.input / FAR / 10**6:.6f}", output=f"{base.output / FAR / 10**6:.6f}")
    assert len(doubts(per_thousand, card)) == 2
