"""When a dated price holds: from a day on, or in daily hours, and for how long the answer stays the same.

All times are epoch milliseconds, UTC; every interval is half-open.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

from burnline.pricing.card import BEGINNING_MS, FOREVER_MS

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
_THURSDAY, _SATURDAY = 3, 5
"""Days after Monday; the epoch began on a Thursday."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

T = TypeVar("T")


class Span(NamedTuple):
    """Whether a condition holds, and the longest interval around the asked time over which that does not change."""

    holds: bool
    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Always:
    """No condition."""

    def span(self, at_ms: int) -> Span:  # noqa: ARG002  # one shape for all conditions
        """Holds, without end."""
        return Span(holds=True, from_ms=BEGINNING_MS, until_ms=FOREVER_MS)


@dataclass(frozen=True, slots=True)
class Since:
    """Holds from a time on."""

    start_ms: int

    def span(self, at_ms: int) -> Span:
        """Before the start, or from it."""
        if at_ms < self.start_ms:
            return Span(holds=False, from_ms=BEGINNING_MS, until_ms=self.start_ms)
        return Span(holds=True, from_ms=self.start_ms, until_ms=FOREVER_MS)


@dataclass(frozen=True, slots=True)
class Daily:
    """Holds each day in `[start, end)`, milliseconds after midnight UTC; over midnight when the end is the smaller.

    Where both are equal it never holds.
    """

    start_ms_of_day: int
    end_ms_of_day: int

    def span(self, at_ms: int) -> Span:
        """Inside today's hours, or between two days' hours."""
        start, end = self.start_ms_of_day, self.end_ms_of_day
        if start == end:
            return Span(holds=False, from_ms=BEGINNING_MS, until_ms=FOREVER_MS)
        of_day = at_ms % DAY_MS
        holds = start <= of_day < end if start < end else of_day >= start or of_day < end
        midnight = at_ms - of_day
        changes = [midnight + days * DAY_MS + change for days in (-1, 0, 1) for change in (start, end)]
        return Span(
            holds,
            from_ms=max(change for change in changes if change <= at_ms),
            until_ms=min(change for change in changes if change > at_ms),
        )


@dataclass(frozen=True, slots=True)
class Workdays:
    """Holds Monday to Friday in `[start, end)`, milliseconds after midnight UTC, in `[since_ms, until_ms)`.

    The hours lie within one day, and both ends of the time at midnight; `until_ms` None is without end.
    """

    since_ms: int
    until_ms: int | None
    start_ms_of_day: int
    end_ms_of_day: int

    def span(self, at_ms: int) -> Span:
        """Inside a workday's hours, between those of two workdays, or outside the time."""
        if at_ms < self.since_ms:
            return Span(holds=False, from_ms=BEGINNING_MS, until_ms=self.since_ms)
        if self.until_ms is not None and at_ms >= self.until_ms:
            return Span(holds=False, from_ms=self.until_ms, until_ms=FOREVER_MS)
        midnight = at_ms - at_ms % DAY_MS
        days = [day for day in range(midnight - 3 * DAY_MS, midnight + 4 * DAY_MS, DAY_MS) if _is_workday(day)]
        hours = [(day + self.start_ms_of_day, day + self.end_ms_of_day) for day in days]
        bounds = [bound for both in hours for bound in both]
        return Span(
            holds=any(start <= at_ms < end for start, end in hours),
            from_ms=max(self.since_ms, *(bound for bound in bounds if bound <= at_ms)),
            until_ms=min(self.until_ms or FOREVER_MS, *(bound for bound in bounds if bound > at_ms)),
        )


def _is_workday(midnight_ms: int) -> bool:
    return (midnight_ms // DAY_MS + _THURSDAY) % 7 < _SATURDAY


Condition = Always | Since | Daily | Workdays


class Dated(NamedTuple, Generic[T]):
    """Something that is so under a condition."""

    condition: Condition
    value: T


class Holding(NamedTuple, Generic[T]):
    """What holds at a time, and the interval around it in which it does."""

    value: T
    from_ms: int
    until_ms: int


def holding(entries: Sequence[Dated[T]], at_ms: int) -> Holding[T]:
    """The last entry whose condition holds, or the first entry when none does (the catalogue's rule).

    The interval ends where that entry ceases to hold, or where a later one begins to.
    """
    from_ms, until_ms = BEGINNING_MS, FOREVER_MS
    for condition, value in reversed(entries):
        span = condition.span(at_ms)
        from_ms, until_ms = max(from_ms, span.from_ms), min(until_ms, span.until_ms)
        if span.holds:
            return Holding(value, from_ms, until_ms)
    return Holding(entries[0].value, from_ms, until_ms)


def day_ms(year: int, month: int, day: int) -> int:
    """The first millisecond of a day, UTC."""
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1000


def utc_text(at_ms: int) -> str:
    """Epoch milliseconds as ISO 8601 in UTC, with as many decimals of the second as there are."""
    at = _EPOCH + timedelta(milliseconds=at_ms)
    return at.isoformat(timespec="milliseconds" if at_ms % 1000 else "seconds").replace("+00:00", "Z")
