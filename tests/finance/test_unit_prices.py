"""Sums taken apart by price: nothing is lost, and no price is made up."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.finance.unit_prices import CardRates, Part, Rates, parts, served
from burnline.pricing.book import RateBook
from burnline.pricing.valuation import ValuationRate

NOW_MS = 1_780_000_000_000
SHORT, LONG = 1_250_000, 2_500_000


@pytest.mark.parametrize(
    ("quantity", "cost", "rates", "expected"),
    [
        pytest.param(10, 70, (7,), [Part(10, 70, 7)], id="the-rate"),
        pytest.param(10, 70, (), [Part(10, 70, 7)], id="a-rate-that-no-card-has-any-more"),
        pytest.param(3, 10, (), [Part(3, 10, None)], id="no-rate"),
        pytest.param(10, 0, (0,), [Part(10, 0, 0)], id="free"),
        pytest.param(
            400_001, 200_000 * SHORT + 200_001 * LONG, (SHORT, LONG),
            [Part(200_000, 200_000 * SHORT, SHORT), Part(200_001, 200_001 * LONG, LONG)], id="both-sides-of-a-line",
        ),
        pytest.param(
            4, 2 * SHORT + 2 * LONG, (SHORT, LONG),
            [Part(2, 2 * SHORT, SHORT), Part(2, 2 * LONG, LONG)], id="an-average-that-looks-like-a-rate",
        ),
        pytest.param(10, 5 * SHORT, (SHORT, LONG), [Part(10, 5 * SHORT, SHORT // 2)], id="half-price-as-served"),
        pytest.param(
            400_000, 100_000 * SHORT + 300_000 * LONG, (SHORT, LONG),
            [Part(100_000, 100_000 * SHORT, SHORT), Part(300_000, 300_000 * LONG, LONG)], id="round-numbers",
        ),
        pytest.param(3, 17, (3, 5, 9), [Part(3, 17, None)], id="two-ways"),
        pytest.param(10, 90, (1, 7, 11), [Part(10, 90, None)], id="two-ways-and-a-whole-average"),
    ],
)  # fmt: skip
def test_parts(quantity: int, cost: int, rates: Sequence[int], expected: list[Part]) -> None:
    assert parts(quantity, cost, rates) == expected


@pytest.mark.parametrize(
    ("provider", "model", "quantity", "price"),
    [
        pytest.param("google", "gemini-2.5-pro", 10, SHORT * 9 // 5, id="priority-of-gemini"),
        pytest.param("google", "gemini-3.1-pro-preview", 100, SHORT * 11 // 20, id="batch-in-a-region"),
        pytest.param("anthropic", "claude-opus-4-6", 7, SHORT * 6, id="fast"),
        pytest.param("azure", "gpt-4o", 10, SHORT * 11 // 10, id="a-tenth-more"),
    ],
)
def test_a_price_as_served(provider: str, model: str, quantity: int, price: int) -> None:
    found = parts(quantity, quantity * price, (SHORT, LONG), served(provider, model))
    assert found == [Part(quantity, quantity * price, price)]


@given(st.integers(1, 10**12), st.integers(0, 10**20), st.lists(st.integers(0, 10**9), max_size=4))
def test_nothing_is_lost_and_each_price_is_exact(quantity: int, cost: int, rates: list[int]) -> None:
    found = parts(quantity, cost, rates)
    assert (sum(part.quantity for part in found), sum(part.cost for part in found)) == (quantity, cost)
    for part in found:
        assert part.quantity > 0
        assert part.price is None or part.quantity * part.price == part.cost


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.lists(st.integers(1, 10**9), min_size=2, max_size=2))
def test_what_two_rates_made_is_told_at_rates_of_a_card(short: int, long: int, rates: list[int]) -> None:
    one, other = rates
    found = parts(short + long, short * one + long * other, rates)
    assert {part.price for part in found} <= {one, other} or len(found) == 1


@pytest.mark.parametrize(
    ("price", "own", "catalogue", "expected"),
    [
        pytest.param(5, (5,), (7,), 7, id="an-override"),
        pytest.param(7, (5,), (7,), 7, id="before-the-override"),
        pytest.param(6, (5,), (7,), 6, id="neither"),
        pytest.param(5, (5,), (), 5, id="a-model-that-the-catalogue-lacks"),
        pytest.param(6, (5, 6), (7, 9), 9, id="tier-by-tier"),
        pytest.param(6, (5, 6), (7,), 7, id="more-tiers-than-the-catalogue"),
        pytest.param(None, (5,), (7,), None, id="several"),
    ],
)
def test_list_prices(price: int | None, own: tuple[int, ...], catalogue: tuple[int, ...], expected: int | None) -> None:
    assert Rates(own, catalogue).list_price(price) == expected


class TestCards:
    """The rates of meters, out of books."""

    bundled = RateBook.bundled()

    def rates(self, model: str, meter: str, provider: str = "", *overrides: ValuationRate) -> Rates:
        return CardRates(self.bundled.with_overrides(overrides), self.bundled).rates(provider, model, NOW_MS, meter)

    def test_by_tier(self) -> None:
        both = (SHORT, LONG)
        assert self.rates("gemini-2.5-pro", "input", "google")[:2] == (both, both)

    def test_cache_writes_for_an_hour_too(self) -> None:
        assert self.rates("claude-opus-5", "cache-write", "anthropic").own == (6_250_000, 10_000_000)

    def test_fees_that_not_every_event_pays(self) -> None:
        assert self.rates("sonar", "request", "perplexity").own == (0, 12_000_000_000)
        assert self.rates("gpt-4o", "request").own == (0,)

    def test_an_override_and_the_catalogue(self) -> None:
        override = ValuationRate(
            provider="openai",
            model="gpt-4o",
            effective_from=0,
            input_usd_per_million_tokens="2",
            output_usd_per_million_tokens="8",
        )
        assert self.rates("gpt-4o", "input", "openai", override)[:2] == ((2_000_000,), (2_500_000,))

    def test_none_of_a_model_that_nobody_knows(self) -> None:
        assert self.rates("made-up", "input") == Rates()
