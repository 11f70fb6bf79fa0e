"""How much of a budget is used, and where it is heading."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.budgets.outlook import forecast_pico, outlook, reached, recent_from_ms, saturation
from burnline.budgets.periods import period_of
from tests.budgets.examples import USD, budget

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MIDNIGHT_MS = 1_795_824_000_000
"""2026-11-28 in UTC."""
SPENT = st.integers(0, 10**18)


@pytest.mark.parametrize(
    ("spent_pico", "percent"),
    [
        (50 * USD - 1, 0),
        (50 * USD, 50),
        (80 * USD - 1, 50),
        (80 * USD, 80),
        (95 * USD - 1, 80),
        (95 * USD, 95),
        (100 * USD - 1, 95),
        (100 * USD, 100),
        (5_000 * USD, 100),
    ],
)
def test_a_threshold_is_reached_with_its_last_pico_dollar(spent_pico: int, percent: int) -> None:
    assert reached(budget(), spent_pico) == percent


@settings(deadline=None)
@given(SPENT, SPENT)
def test_who_spends_more_has_reached_as_much(one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert reached(budget(), less) <= reached(budget(), more)
    assert saturation(budget(), less) <= saturation(budget(), more)


def test_half_a_day_with_half_of_the_money_ends_on_the_amount() -> None:
    """At noon 50 of 100 USD are spent, 4 of them in the last hour."""
    noon_ms = MIDNIGHT_MS + DAY_MS // 2
    span = period_of(budget(), noon_ms)
    recent_pico = 4 * USD * (noon_ms - recent_from_ms(noon_ms)) // HOUR_MS
    found = outlook(budget(), span, 50 * USD, recent_pico, noon_ms)
    assert found.remaining_pico == 50 * USD
    assert found.projected_pico == 100 * USD
    assert found.burn_pico_per_hour == 4 * USD
    assert found.projected_at_burn_pico == (50 + 12 * 4) * USD
    assert found.exhausted_at_ms is None  # in 12.5 hours: the next day begins before


def test_money_that_ends_before_the_period_says_when() -> None:
    noon_ms = MIDNIGHT_MS + DAY_MS // 2
    recent_pico = 10 * USD * (noon_ms - recent_from_ms(noon_ms)) // HOUR_MS
    found = outlook(budget(), period_of(budget(), noon_ms), 50 * USD, recent_pico, noon_ms)
    assert found.exhausted_at_ms == noon_ms + 5 * HOUR_MS


@settings(deadline=None)
@given(SPENT, SPENT, st.integers(0, DAY_MS - 1), st.sampled_from(["day", "rolling-24h"]))
def test_laws_of_an_outlook(spent: int, recent: int, into_ms: int, period: str) -> None:
    of, at_ms = budget(period=period), MIDNIGHT_MS + into_ms
    span = period_of(of, at_ms)
    found = outlook(of, span, spent, recent, at_ms)
    assert found.spent_pico + found.remaining_pico == of.amount_pico_usd
    if found.projected_at_burn_pico is not None:
        assert found.projected_at_burn_pico >= spent
    if found.projected_pico is not None:
        assert found.projected_pico >= spent
    if found.exhausted_at_ms is not None:
        assert found.remaining_pico > 0
        assert at_ms <= found.exhausted_at_ms < at_ms + DAY_MS
    assert (found.projected_pico is None) is (period == "rolling-24h" or into_ms == 0)


@settings(deadline=None)
@given(st.integers(0, DAY_MS))
def test_the_last_hour_is_whole_quarters_and_the_one_under_way(into_ms: int) -> None:
    at_ms = MIDNIGHT_MS + into_ms
    assert 45 * 60_000 <= at_ms - recent_from_ms(at_ms) < HOUR_MS


@pytest.mark.parametrize(
    ("daily", "days", "usd"),
    [
        pytest.param([], 7, 0, id="nothing is known"),
        pytest.param([3], 7, 21, id="one day goes on"),
        pytest.param([1, 2, 3], 2, 9, id="it rises: 4 and 5"),
        pytest.param([3, 2, 1], 30, 0, id="it falls, and not below nothing"),
        pytest.param([4, 3, 2], 7, 1, id="it falls to 1, then nothing"),
    ],
)
def test_a_forecast_goes_on_by_the_line(daily: list[int], days: int, usd: int) -> None:
    assert forecast_pico([day * USD for day in daily], days) == usd * USD


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**15), max_size=30), st.integers(1, 30))
def test_a_steady_spender_goes_on(daily: list[int], days: int) -> None:
    assert forecast_pico(daily, days) >= 0
    steady = daily[:1] * len(daily)
    assert forecast_pico(steady, days) == sum(daily[:1]) * days


def test_what_was_taken_back_in_the_last_hour_is_no_burn() -> None:
    span = period_of(budget(), 0)
    found = outlook(budget(), span, 70 * USD, -20 * USD, span.start_ms + 3_600_000)
    assert (found.burn_pico_per_hour, found.exhausted_at_ms) == (0, None)


def test_saturation_is_exact() -> None:
    assert saturation(budget(amount_usd="3"), USD) == Fraction(1, 3)
