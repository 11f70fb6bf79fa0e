"""The burn rule as integers: what a window may sum up to before it is above the line.

A burn rate is `window sum × 3600 / window length` in USD per hour: always the whole window, never the time that has
passed in it, so that one early cent is one cent and no rate of its own. A window is *above* when its burn is strictly
greater than `baseline × multiplier`. Nothing is divided while events flow: `window_sum > floor(limit × window / 3600)`
says the same of whole pico-USD (an integer exceeds a fraction exactly when it exceeds the fraction's floor).
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple, Self

from burnline.pricing.money import PICO_PER_USD
from burnline.windows.slices import SLICE_MS

if TYPE_CHECKING:
    from burnline.detection.baseline import EffectiveBaseline
    from burnline.settings import Settings

SLICE_S = SLICE_MS // 1000
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class BurnRule:
    """Paired burn windows, short and long, that both have to be above the line.

    The short window makes an alert end soon after the cause has ended, the long one keeps a single burst quiet
    ("multiwindow, multi-burn-rate alerts", The Site Reliability Workbook, chapter 5).

    Attributes:
        short_window_slices: Length of the short window in slices of 10 s.
        long_window_slices: Length of the long window in slices, at least the short one's.
        critical_factor: Critical from more than this many times the warning line, at least 1.
        minimum_spend_pico_usd: Least spend in the long window for an anomaly to open.
        resolve_after_slices: How many slices in a row the short window must be at or below the recovery line.
        recovery_factor: The recovery line is this part of the warning line, above 0 and at most 1: a burn that swings
            about the warning line is one anomaly.
    """

    short_window_slices: int
    long_window_slices: int
    critical_factor: Decimal
    minimum_spend_pico_usd: int
    resolve_after_slices: int
    recovery_factor: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        if not 1 <= self.short_window_slices <= self.long_window_slices:
            raise ValueError(f"windows of {self.short_window_slices} and {self.long_window_slices} slices are no pair")
        if self.resolve_after_slices < 1:
            raise ValueError(f"resolve_after_slices={self.resolve_after_slices} is less than 1")
        if not 0 < self.recovery_factor <= 1:
            raise ValueError(f"recovery_factor={self.recovery_factor} does not lie above 0 and at most at 1")
        if self.critical_factor < 1:
            raise ValueError(f"critical_factor={self.critical_factor} is less than 1")
        if self.minimum_spend_pico_usd < 0:
            raise ValueError(f"minimum_spend_pico_usd={self.minimum_spend_pico_usd} is negative")

    @classmethod
    def from_settings(cls, settings: "Settings") -> Self:
        """The rule that the settings ask for; they are whole slices and whole pico-USD by validation."""
        return cls(
            short_window_slices=settings.short_window_s // SLICE_S,
            long_window_slices=settings.long_window_s // SLICE_S,
            critical_factor=settings.critical_factor,
            minimum_spend_pico_usd=int(settings.minimum_spend_usd * PICO_PER_USD),
            resolve_after_slices=settings.resolve_after_s // SLICE_S,
            recovery_factor=settings.recovery_factor,
        )

    @property
    def short_window_s(self) -> int:
        """Length of the short window in seconds."""
        return self.short_window_slices * SLICE_S

    @property
    def long_window_s(self) -> int:
        """Length of the long window in seconds."""
        return self.long_window_slices * SLICE_S


class Thresholds(NamedTuple):
    """The lines of one rule over one baseline, each the greatest window sum (pico-USD) that is *not* above it.

    `minimum_spend` is the one exception: the least long-window sum with which an anomaly may open.
    """

    warning_short: int
    warning_long: int
    critical_short: int
    critical_long: int
    minimum_spend: int
    recovery_short: int


def thresholds(rule: BurnRule, baseline: "EffectiveBaseline") -> Thresholds:
    """The lines for one baseline. Callers keep the answer until a baseline changes."""
    factor, factor_divisor = baseline.multiplier.as_integer_ratio()
    critical, critical_divisor = rule.critical_factor.as_integer_ratio()
    recovery, recovery_divisor = rule.recovery_factor.as_integer_ratio()

    def line(window_s: int, times: int, divisor: int) -> int:
        limit = baseline.usd_per_hour_pico * factor * times * window_s
        return limit // (factor_divisor * divisor * SECONDS_PER_HOUR)

    return Thresholds(
        warning_short=line(rule.short_window_s, 1, 1),
        warning_long=line(rule.long_window_s, 1, 1),
        critical_short=line(rule.short_window_s, critical, critical_divisor),
        critical_long=line(rule.long_window_s, critical, critical_divisor),
        minimum_spend=rule.minimum_spend_pico_usd,
        recovery_short=line(rule.short_window_s, recovery, recovery_divisor),
    )
