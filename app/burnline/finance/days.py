"""Days of any IANA zone over quarter-hours of UTC.

A day runs from its first midnight to the next day's, so it has 23 or 25 hours where clocks change, 24 and a half in
Lord Howe, and none where it was left out (Samoa's 30 December 2011). Where clocks skip midnight it begins at the
moment of the change. Since 2001 every zone's days have begun on a quarter-hour of UTC (but Newfoundland's on the days
of the change until 2011, a minute past), so quarter-hours never straddle them.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

QUARTER_MS = 900_000
FIRST_DATE = date(2001, 9, 10)
"""The first full day of which events may tell."""
LAST_DATE = date(2286, 1, 1)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DAY = timedelta(days=1)


class Day(NamedTuple):
    """One day of a zone, `[start_ms, end_ms)` in epoch milliseconds."""

    date: date
    start_ms: int
    end_ms: int


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


def zone(name: str) -> ZoneInfo:
    """A zone by its IANA name, such as `Asia/Kolkata`.

    Raises:
        ValueError: There is none of this name.
    """
    if name not in _names():  # ZoneInfo itself would look for a file of any name
        raise ValueError(f"{name[:80]!r} is no IANA time zone, such as UTC or Asia/Kolkata")
    return ZoneInfo(name)


def date_in(tz: ZoneInfo, at_ms: int) -> date:
    """The date of a moment there."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(tz).date()


def start_ms(tz: ZoneInfo, of: date) -> int:
    """When a date begins there, epoch milliseconds."""
    # fold=0: the earlier of two midnights; one that clocks skip is read by the offset before, as the moment of change.
    midnight = datetime.combine(of, time(), tz)
    return (midnight.astimezone(UTC) - _EPOCH) // _MILLISECOND


def days_until(tz: ZoneInfo, last: date, count: int) -> list[Day]:
    """So many days there, ending with a date, oldest first.

    Raises:
        ValueError: A day lies outside `FIRST_DATE` to `LAST_DATE`, or the count is below 1.
    """
    first = last - _DAY * (count - 1)
    if count < 1 or first < FIRST_DATE or last > LAST_DATE:
        raise ValueError(f"the {count} days until {last} do not lie within {FIRST_DATE} to {LAST_DATE}")
    dates = [first + _DAY * number for number in range(count + 1)]
    starts = [start_ms(tz, each) for each in dates]
    return [Day(*each) for each in zip(dates, starts, starts[1:], strict=False)]
