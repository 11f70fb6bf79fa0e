"""Burn tiers: pairs of windows over what may be spent in the mean. A fast burn is told soon, and a slow one is told.

The pairs are those of The Site Reliability Workbook, chapter 5 ("multiwindow, multi-burn-rate alerts"): both windows
of a pair have to burn more than so many times the line; the short one makes it end soon after its cause. Pure.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from burnline.detection.anomaly import Severity
from burnline.detection.rule import SECONDS_PER_HOUR, SLICE_S
from burnline.windows.rings import LONGEST_SLICES, Rings

HOUR_SLICES = 360
ENDLESS = 1 << 62
"""More than any agent spends, in pico-USD."""


class Tier(NamedTuple):
    """A pair of windows, in slices of 10 s, and how many times the line both have to burn."""

    factor: Decimal
    short_slices: int
    long_slices: int
    severity: Severity


TIERS = (
    Tier(Decimal("14.4"), 30, HOUR_SLICES, Severity.CRITICAL),
    Tier(Decimal(6), 180, 6 * HOUR_SLICES, Severity.CRITICAL),
    Tier(Decimal(1), 6 * HOUR_SLICES, LONGEST_SLICES, Severity.WARNING),
)
"""An hour and 5 minutes, 6 hours and 30 minutes, 3 days and 6 hours; the most severe first."""


class TierLines(NamedTuple):
    """The greatest sums (pico-USD) of a tier's windows that are not above it, and the same for one that is open."""

    tier: Tier
    short: int
    long: int
    recovery_short: int
    recovery_long: int

    def slack(self, short_pico_usd: int, long_pico_usd: int) -> int:
        """So much may still be spent before both windows can be above; negative if they are."""
        return max(self.short - short_pico_usd, self.long - long_pico_usd)


def lines_of(usd_per_hour_pico: int, recovery_factor: Decimal) -> tuple[TierLines, ...]:
    """The lines of all tiers.

    Args:
        usd_per_hour_pico: What may be spent in the mean, pico-USD per hour.
        recovery_factor: An open tier is over once a window is at or below this part of its line.
    """

    def line(tier: Tier, slices: int, part: Decimal) -> int:
        times, divisor = (tier.factor * part).as_integer_ratio()
        return usd_per_hour_pico * times * slices * SLICE_S // (divisor * SECONDS_PER_HOUR)

    one = Decimal(1)
    return tuple(
        TierLines(
            tier,
            line(tier, tier.short_slices, one),
            line(tier, tier.long_slices, one),
            line(tier, tier.short_slices, recovery_factor),
            line(tier, tier.long_slices, recovery_factor),
        )
        for tier in TIERS
    )


def look(rings: Rings, lines: Iterable[TierLines]) -> tuple[Tier | None, int]:
    """The first of some tiers that burns now, and how much may be spent before another one can (pico-USD)."""
    slack = ENDLESS
    for each in lines:
        room = each.slack(rings.sum(each.tier.short_slices), rings.sum(each.tier.long_slices))
        if room < 0:
            return each.tier, 0
        slack = min(slack, room)
    return None, slack


def ends_at(rings: Rings, lines: tuple[TierLines, ...], begin: int, end: int) -> int | None:
    """The first slice of a span (both ends in it) at whose end no tier burns any more, if nothing more is spent.

    Args:
        rings: What was spent, none of it after `begin`.
        lines: The tiers' lines.
        begin: First slice to look at.
        end: Last one.
    """
    step = begin
    while step <= end:
        if not any(
            rings.sum(each.tier.short_slices, step) > each.recovery_short
            and rings.sum(each.tier.long_slices, step) > each.recovery_long
            for each in lines
        ):
            return step
        step += 1
    return None
