"""The period of a budget that a moment is in, `[start_ms, end_ms)`: by the clocks of its zone, or rolling.

A day has 23 or 25 hours where clocks change, and a month begins at its own midnight. Every begin is on a quarter-hour
of UTC, as usage is kept by quarters.
"""

from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from burnline.budgets.budget import Budget, rolling_hours_of
from burnline.finance.days import QUARTER_MS, date_in, start_ms, zone
from burnline.finance.periods import HOUR_MS, begins_hour

_DAY = timedelta(days=1)


class Span(NamedTuple):
    """A period, `[start_ms, end_ms)` in epoch milliseconds."""

    start_ms: int
    end_ms: int


def period_of(budget: Budget, at_ms: int) -> Span:
    """The period of a budget that a moment is in.

    That of a rolling one ends with the moment's quarter of an hour.
    """
    if budget.rolling_hours is not None:
        end_ms = (at_ms // QUARTER_MS + 1) * QUARTER_MS
        return Span(end_ms - budget.rolling_hours * HOUR_MS, end_ms)
    tz = zone(budget.time_zone)
    if budget.period == "hour":
        return _hour(tz, at_ms)
    today = date_in(tz, at_ms)
    if budget.period == "day":
        first, after = today, today + _DAY
    elif budget.period == "week":
        first = today - _DAY * today.weekday()
        after = first + _DAY * 7
    else:
        first = today.replace(day=1)
        after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return Span(start_ms(tz, first), start_ms(tz, after))


def told_once_in(period: str, span: Span) -> int:
    """What names the period in which a threshold is told once, epoch milliseconds.

    Its begin; of a rolling one, which begins anew each quarter, the newest multiple of its length.
    """
    hours = rolling_hours_of(period)
    if hours is None:
        return span.start_ms
    length_ms = hours * HOUR_MS
    return (span.end_ms - 1) // length_ms * length_ms


def _hour(tz: ZoneInfo, at_ms: int) -> Span:
    """The clock hour: from the full hour or the last jump of the clocks to the next."""
    first_ms = at_ms // QUARTER_MS * QUARTER_MS
    while not begins_hour(tz, first_ms):
        first_ms -= QUARTER_MS
    end_ms = first_ms + QUARTER_MS
    while not begins_hour(tz, end_ms):
        end_ms += QUARTER_MS
    return Span(first_ms, end_ms)
