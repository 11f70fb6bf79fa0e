"""The period that a question is over, `[from, to)`: by two moments, or by so many days until one; in days or in hours.

Usage is kept by quarters of an hour, so a period begins and ends on one. Days and hours are those of a zone's clocks;
the first and the last are cut where the period is.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from burnline.finance.days import FIRST_DATE, LAST_DATE, QUARTER_MS, Day, date_in, days_until, start_ms

MAX_DAYS = 400
"""As long as sums are kept by default (`BURNLINE_ROLLUP_RETENTION_DAYS`)."""
MAX_HOURS = 745
"""31 days, one of them with 25 hours: an answer by the hour has no more."""
HOUR_MS = 3_600_000

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LOST_PLUS = re.compile(r".*T.* [0-9]{2}:[0-9]{2}")
_UTC = ZoneInfo("UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class PeriodError(ValueError):
    """What is asked is no period that can be answered. `field` is the parameter at fault."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


class Hour(NamedTuple):
    """One hour of a zone's clocks, `[start_ms, end_ms)` in epoch milliseconds."""

    start_ms: int
    end_ms: int


class Asked(NamedTuple):
    """What a question says of its period, as it says it; None where it does not."""

    first: str | None = None
    """`from`: a date of the zone, or RFC 3339 with an offset."""
    end: str | None = None
    """`to`, exclusive: the same."""
    days: int | None = None
    until: date | None = None
    """The last day."""


def days_of(asked: Asked, tz: ZoneInfo, now_ms: int, *, default: int) -> list[Day]:
    """The days of a period, oldest first; at least one.

    Args:
        asked: `first` with or without `end` (today's end then), or `days` and `until`.
        tz: The zone whose days are meant.
        now_ms: The clock, epoch milliseconds.
        default: How many days if nothing is said.

    Raises:
        PeriodError: Both ways are mixed, or there is no such period, or none that can have been used in.
    """
    today = date_in(tz, now_ms)
    if asked.first is None:
        if asked.end is not None:
            raise PeriodError("to", "to needs from; the last days until one are days and until")
        if asked.until is not None and asked.until > today:
            raise PeriodError("until", f"until={asked.until} lies in the future: today is {today} in {tz.key}")
        try:
            return days_until(tz, asked.until or today, default if asked.days is None else asked.days)
        except (ValueError, OverflowError) as error:
            raise PeriodError("until", str(error)) from error
    for name, value in (("days", asked.days), ("until", asked.until)):
        if value is not None:
            raise PeriodError(name, f"{name}={value} beside from={asked.first}: give from and to, or days and until")
    return _between(tz, asked.first, asked.end, now_ms)


def _between(tz: ZoneInfo, first: str, end: str | None, now_ms: int) -> list[Day]:
    tomorrow = date_in(tz, now_ms) + timedelta(days=1)
    today_ends_ms = start_ms(tz, tomorrow)
    from_ms = moment_ms(tz, "from", first)
    to_ms = today_ends_ms if end is None else moment_ms(tz, "to", end)
    if from_ms >= now_ms:
        raise PeriodError("from", f"from={first} lies in the future")
    if to_ms > today_ends_ms:
        raise PeriodError("to", f"to={end} lies in the future: today ends at {tomorrow}T00:00 in {tz.key}")
    if from_ms >= to_ms:
        said = "is the same moment as" if from_ms == to_ms else "lies behind"
        raise PeriodError("from", f"from={first} {said} to={end}: the period is [from, to)")
    days = cut_days(tz, from_ms, to_ms)
    if len(days) > MAX_DAYS:
        raise PeriodError("from", f"from={first} makes {len(days)} days; {MAX_DAYS} at most can be asked for")
    return days


def moment_ms(tz: ZoneInfo, field: str, text: str) -> int:
    """A moment as a question names it, epoch milliseconds: a date of the zone (its begin), or RFC 3339 with an offset.

    Raises:
        PeriodError: It is none, lies outside the years of which events may tell, or within a quarter of an hour.
    """
    try:
        if _DATE.fullmatch(text):
            days_until(tz, date.fromisoformat(text), 1)
            return start_ms(tz, date.fromisoformat(text))
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        lost = " (a + in a query is written %2B)" if _LOST_PLUS.fullmatch(text) else ""
        wanted = "a date, or a time with its offset, such as 2026-11-24 or 2026-11-24T06:00:00Z"
        raise PeriodError(field, f"{field}={text[:40]} is no moment: {wanted}{lost}") from None
    if at.tzinfo is None:
        raise PeriodError(field, f"{field}={text} names no offset, such as Z")
    at_ms, rest = divmod(at - _EPOCH, _MILLISECOND)
    if not start_ms(_UTC, FIRST_DATE) <= at_ms <= start_ms(_UTC, LAST_DATE):
        raise PeriodError(field, f"{field}={text} does not lie within {FIRST_DATE} to {LAST_DATE}")
    if rest or at_ms % QUARTER_MS:
        raise PeriodError(field, f"{field}={text} lies within a quarter of an hour, and usage is kept by quarters")
    return at_ms


def cut_days(tz: ZoneInfo, from_ms: int, to_ms: int) -> list[Day]:
    """The days that `[from_ms, to_ms)` touches, cut at its ends.

    Raises:
        PeriodError: They do not lie within the years of which events may tell.
    """
    first, last = date_in(tz, from_ms), date_in(tz, to_ms - 1)
    try:
        whole = days_until(tz, last, (last - first).days + 1)
    except ValueError as error:
        raise PeriodError("from", str(error)) from error
    return [Day(day.date, max(day.start_ms, from_ms), min(day.end_ms, to_ms)) for day in whole]


def hours_of(tz: ZoneInfo, from_ms: int, to_ms: int) -> list[Hour]:
    """The hours of a zone's clocks in `[from_ms, to_ms)`, cut at its ends, oldest first.

    They begin where clocks show a full hour or jump into another one: no hour is longer than 60 minutes.

    Raises:
        PeriodError: There are more than `MAX_HOURS`.
    """
    hours = -(-(to_ms - from_ms) // HOUR_MS)
    if hours > MAX_HOURS:
        raise PeriodError("grain", f"grain=hour makes {hours} hours; {MAX_HOURS} at most (31 days) can be asked for")
    quarters = range(from_ms, to_ms, QUARTER_MS)
    starts = [at_ms for at_ms in quarters if at_ms == from_ms or begins_hour(tz, at_ms)]
    return [Hour(*ends) for ends in zip(starts, [*starts[1:], to_ms], strict=True)]


def begins_hour(tz: ZoneInfo, at_ms: int) -> bool:
    """Whether clocks there show a full hour at a quarter-hour, or have just jumped into another hour."""
    now, before = (
        (_EPOCH + timedelta(milliseconds=each)).astimezone(tz).time() for each in (at_ms, at_ms - QUARTER_MS)
    )
    return now.minute == 0 or now.hour != before.hour
