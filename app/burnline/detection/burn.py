"""Burn rates as numbers for people and programs. Decisions never use them; they compare whole window sums (`rule`)."""

from fractions import Fraction

from burnline.detection.rule import SECONDS_PER_HOUR

RATIO_DECIMALS = 3
"""Digits after the point in a ratio."""


def burn_pico_usd_per_hour(window_sum_pico_usd: int, window_s: int) -> int:
    """The hourly rate of a window's sum, in pico-USD per hour.

    Exact when the window divides an hour (10 s, 1 min, 5 min, …); otherwise rounded to the nearest pico-USD,
    halves to even.
    """
    return round(Fraction(window_sum_pico_usd * SECONDS_PER_HOUR, window_s))


def ratio_text(window_sum_pico_usd: int, window_s: int, baseline_pico_usd_per_hour: int) -> str | None:
    """How many times the baseline a window burns, as a decimal with `RATIO_DECIMALS` digits after the point.

    Computed from the sum itself, not from a rounded rate; halves to even. None over a baseline of zero.
    """
    if baseline_pico_usd_per_hour == 0:
        return None
    scale = 10**RATIO_DECIMALS
    burned = window_sum_pico_usd * SECONDS_PER_HOUR
    whole, rest = divmod(round(Fraction(burned * scale, window_s * baseline_pico_usd_per_hour)), scale)
    return f"{whole}.{rest:0{RATIO_DECIMALS}d}"
