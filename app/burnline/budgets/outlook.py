"""How much of a budget is used, and where it is heading: saturation, projection, time to exhaustion, forecast.

All amounts are integers of pico-USD, times epoch milliseconds; divisions are rounded down.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from burnline.budgets.budget import Budget
from burnline.budgets.periods import Span
from burnline.finance.days import QUARTER_MS
from burnline.finance.periods import HOUR_MS

RECENT_MS = 4 * QUARTER_MS
"""The present burn is that of the last hour: the quarter under way, and three whole ones before it."""


class Outlook(NamedTuple):
    """Where a budget stands at a moment.

    Attributes:
        spent_pico: In the period so far.
        remaining_pico: Up to the amount; below 0 when more is spent.
        burn_pico_per_hour: Of the last hour.
        projected_pico: What the period comes to, if it goes on at its own pace so far; None for a rolling one.
        projected_at_burn_pico: The same, if it goes on at the present burn; None likewise.
        exhausted_at_ms: When the amount is used up at the present burn; None if it is used up already, or will not be
            within the period (of a rolling one: within its length, nothing that leaves it counted).
    """

    spent_pico: int
    remaining_pico: int
    burn_pico_per_hour: int
    projected_pico: int | None
    projected_at_burn_pico: int | None
    exhausted_at_ms: int | None


def recent_from_ms(at_ms: int) -> int:
    """Where the last hour of whole quarters begins that the present burn is taken from."""
    return at_ms // QUARTER_MS * QUARTER_MS + QUARTER_MS - RECENT_MS


def outlook(budget: Budget, span: Span, spent_pico: int, recent_pico: int, at_ms: int) -> Outlook:
    """Where a budget stands.

    Args:
        budget: The budget.
        span: The period that the moment is in.
        spent_pico: What was spent in it by then.
        recent_pico: What was spent since `recent_from_ms(at_ms)`.
        at_ms: The moment.
    """
    burn = max(0, recent_pico) * HOUR_MS // max(at_ms - recent_from_ms(at_ms), 1)  # what was taken back is no burn
    remaining = budget.amount_pico_usd - spent_pico
    calendar = budget.rolling_hours is None
    elapsed_ms, rest_ms = at_ms - span.start_ms, span.end_ms - at_ms
    last_ms = span.end_ms if calendar else at_ms + (span.end_ms - span.start_ms)
    exhausted_ms = at_ms + remaining * HOUR_MS // burn if burn and remaining > 0 else None
    return Outlook(
        spent_pico,
        remaining,
        burn,
        spent_pico * (elapsed_ms + rest_ms) // elapsed_ms if calendar and elapsed_ms > 0 else None,
        spent_pico + burn * rest_ms // HOUR_MS if calendar else None,
        exhausted_ms if exhausted_ms is not None and exhausted_ms < last_ms else None,
    )


def saturation(budget: Budget, spent_pico: int) -> Fraction:
    """What part of the amount is used, exactly; 1 when all of it is."""
    return Fraction(spent_pico, budget.amount_pico_usd)


def reached(budget: Budget, spent_pico: int) -> int:
    """The highest threshold that is reached, in percent; 0 if none is."""
    amount = budget.amount_pico_usd
    return max((percent for percent in budget.thresholds_percent if 100 * spent_pico >= percent * amount), default=0)


def forecast_pico(daily: Sequence[int], days: int) -> int:
    """What the next days come to together, by the straight line that fits the days so far best; at least 0 each.

    Args:
        daily: What was spent on each day that is over, oldest first, pico-USD. One day goes on as it is.
        days: How many days ahead.
    """
    count = len(daily)
    if count == 0:
        return 0
    mean, middle = Fraction(sum(daily), count), Fraction(count - 1, 2)
    spread = sum((day - middle) ** 2 for day in range(count))
    slope = sum((day - middle) * spent for day, spent in enumerate(daily)) / spread if spread else Fraction(0)
    return int(_above_zero(mean + slope * (day - middle) for day in range(count, count + days)))


def _above_zero(values: Iterable[Fraction]) -> Fraction:
    return sum((max(value, Fraction(0)) for value in values), Fraction(0))
