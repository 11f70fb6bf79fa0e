"""Burn rates and ratios as they are published."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.detection.burn import burn_pico_usd_per_hour, ratio_text
from tests.detection.rules import CENT, USD


@pytest.mark.parametrize(
    ("window_sum", "window_s", "rate"),
    [
        pytest.param(CENT, 60, 60 * CENT, id="one-cent-is-no-36-USD-an-hour"),
        pytest.param(0, 60, 0, id="nothing"),
        pytest.param(1, 300, 12, id="exact-where-the-window-divides-an-hour"),
        pytest.param(1, 70, 51, id="51.43-rounds-down"),
        pytest.param(1, 7000, 1, id="0.514-rounds-up"),
        pytest.param(1, 7200, 0, id="half-goes-to-even-below"),
        pytest.param(3, 7200, 2, id="half-goes-to-even-above"),
    ],
)
def test_burn_is_the_whole_window_scaled_to_an_hour(window_sum: int, window_s: int, rate: int) -> None:
    assert burn_pico_usd_per_hour(window_sum, window_s) == rate


@given(st.integers(0, 10**24), st.integers(1, 8640).map(lambda slices: slices * 10))
def test_burn_is_off_by_half_a_pico_at_most(window_sum: int, window_s: int) -> None:
    exact = Fraction(window_sum * 3600, window_s)
    assert abs(burn_pico_usd_per_hour(window_sum, window_s) - exact) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("window_sum", "baseline", "text"),
    [
        pytest.param(USD // 12, USD, "5.000", id="at-the-line"),
        pytest.param(345 * USD // 1000, USD, "20.700", id="runaway"),
        pytest.param(0, USD, "0.000", id="nothing"),
        pytest.param(USD, 3 * USD, "20.000", id="other-baseline"),
        pytest.param(1, 60_000 * USD, "0.000", id="rounds-to-nothing"),
        pytest.param(1, 120_000, "0.000", id="half-goes-to-even-below"),
        pytest.param(3, 120_000, "0.002", id="half-goes-to-even-above"),
        pytest.param(CENT, 0, None, id="none-over-a-baseline-of-zero"),
    ],
)
def test_ratio_has_three_digits(window_sum: int, baseline: int, text: str | None) -> None:
    assert ratio_text(window_sum, 60, baseline) == text


@given(st.integers(0, 10**24), st.integers(1, 10**21))
def test_ratio_is_off_by_half_a_thousandth_at_most(window_sum: int, baseline: int) -> None:
    text = ratio_text(window_sum, 60, baseline)
    assert text is not None
    assert abs(Fraction(text) - Fraction(window_sum * 60, baseline)) <= Fraction(1, 2000)
