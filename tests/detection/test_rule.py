"""The thresholds are the rule: whole pico-USD, and strict."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from burnline.detection.baseline import EffectiveBaseline
from burnline.detection.rule import BurnRule, Thresholds, thresholds
from burnline.settings import Settings
from tests.detection.rules import BASELINE, CENT, LIMITS, RULE, USD

rates = st.integers(0, 10**9 * USD)
multipliers = st.decimals("0.000001", "1000000", places=6)
factors = st.decimals(1, 1000, places=6)
windows = st.integers(1, 8640)


def is_above(window_sum: int, window_s: int, usd_per_hour_pico: int, multiplier: Fraction) -> bool:
    """The rule as it is told: whole-window burn strictly above baseline × multiplier."""
    return Fraction(window_sum * 3600, window_s) > usd_per_hour_pico * multiplier


@given(rates, multipliers, factors, windows, windows, st.integers(-2, 2))
@example(USD, Decimal(5), Decimal(3), 6, 30, 0)
@example(0, Decimal(5), Decimal(3), 6, 30, 0)
def test_integer_comparison_is_the_exact_comparison(
    rate: int, multiplier: Decimal, factor: Decimal, one: int, other: int, near: int
) -> None:
    rule = BurnRule(min(one, other), max(one, other), factor, 0, 1)
    limits = thresholds(rule, EffectiveBaseline(rate, multiplier, "default"))
    times, critical = Fraction(multiplier), Fraction(multiplier) * Fraction(factor)
    for level, window_s, line in (
        (limits.warning_short, rule.short_window_s, times),
        (limits.warning_long, rule.long_window_s, times),
        (limits.critical_short, rule.short_window_s, critical),
        (limits.critical_long, rule.long_window_s, critical),
    ):
        window_sum = level + near
        assert (window_sum > level) == is_above(window_sum, window_s, rate, line)


@given(rates, multipliers, factors, windows, st.integers(0, 10**24))
def test_integer_comparison_holds_far_from_the_line_too(
    rate: int, multiplier: Decimal, factor: Decimal, slices: int, window_sum: int
) -> None:
    limits = thresholds(BurnRule(slices, slices, factor, 0, 1), EffectiveBaseline(rate, multiplier, "default"))
    above = is_above(window_sum, slices * 10, rate, Fraction(multiplier))
    assert (window_sum > limits.warning_short) == above
    critical = is_above(window_sum, slices * 10, rate, Fraction(multiplier) * Fraction(factor))
    assert (window_sum > limits.critical_long) == critical


@given(rates, multipliers, factors, windows, windows)
def test_critical_is_never_below_warning_nor_long_below_short(
    rate: int, multiplier: Decimal, factor: Decimal, one: int, other: int
) -> None:
    rule = BurnRule(min(one, other), max(one, other), factor, 0, 1)
    limits = thresholds(rule, EffectiveBaseline(rate, multiplier, "default"))
    assert limits.warning_short <= limits.critical_short
    assert limits.warning_long <= limits.critical_long
    assert limits.warning_short <= limits.warning_long


def test_default_rule_over_default_baseline_in_numbers() -> None:
    # 5 USD/h is 1/12 USD a minute and 5/12 USD in five; critical is 15 USD/h.
    assert LIMITS.warning_short == USD // 12
    assert LIMITS.warning_long == 5 * USD // 12
    assert LIMITS.critical_short == USD // 4
    assert LIMITS.critical_long == 5 * USD // 4
    assert LIMITS.minimum_spend == 5 * CENT


@pytest.mark.parametrize(
    ("multiplier", "warning_short"),
    [
        pytest.param(Decimal("5"), 83_333_333_333, id="a-fraction-is-floored"),
        pytest.param(Decimal("6"), 100_000_000_000, id="a-whole-line-is-itself"),
        pytest.param(Decimal("0.000001"), 16_666, id="smallest-multiplier"),
        pytest.param(Decimal("1E+2"), 1_666_666_666_666, id="multiplier-with-exponent"),
    ],
)
def test_line_of_the_short_window(multiplier: Decimal, warning_short: int) -> None:
    assert thresholds(RULE, BASELINE._replace(multiplier=multiplier)).warning_short == warning_short


def test_a_baseline_of_zero_puts_every_line_at_zero() -> None:
    limits = thresholds(RULE, BASELINE._replace(usd_per_hour_pico=0))
    assert limits == Thresholds(0, 0, 0, 0, 5 * CENT, 0)


def test_settings_make_the_default_rule() -> None:
    assert BurnRule.from_settings(Settings()) == replace(RULE, resolve_after_slices=18, recovery_factor=Decimal("0.8"))
    assert (RULE.short_window_s, RULE.long_window_s) == (60, 300)


def test_settings_reach_every_part_of_the_rule() -> None:
    settings = Settings(
        short_window_s=120,
        long_window_s=600,
        window_retention_s=3600,
        critical_factor=Decimal("2.5"),
        minimum_spend_usd=Decimal("0.000000000001"),
        resolve_after_s=90,
    )
    assert BurnRule.from_settings(settings) == BurnRule(12, 60, Decimal("2.5"), 1, 9, Decimal("0.8"))


@pytest.mark.parametrize(
    ("short", "long", "factor", "minimum", "resolve", "message"),
    [
        pytest.param(0, 30, "3", 0, 6, "windows of 0 and 30", id="no-short-window"),
        pytest.param(31, 30, "3", 0, 6, "windows of 31 and 30", id="long-shorter-than-short"),
        pytest.param(6, 30, "0.999999", 0, 6, "critical_factor=0.999999", id="critical-below-warning"),
        pytest.param(6, 30, "3", -1, 6, "minimum_spend_pico_usd=-1", id="negative-minimum"),
        pytest.param(6, 30, "3", 0, 0, "resolve_after_slices=0", id="no-quiet-period"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(
    short: int, long: int, factor: str, minimum: int, resolve: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        BurnRule(short, long, Decimal(factor), minimum, resolve)


@pytest.mark.parametrize("factor", ["0", "-0.1", "1.000001"])
def test_a_recovery_line_lies_above_zero_and_at_most_at_the_line(factor: str) -> None:
    with pytest.raises(ValueError, match=f"recovery_factor={factor}"):
        BurnRule(6, 30, Decimal(3), 0, 6, Decimal(factor))


def test_the_narrowest_rule_is_allowed() -> None:
    assert BurnRule(1, 1, Decimal(1), 0, 1).short_window_s == 10
