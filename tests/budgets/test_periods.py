"""When a budget's period begins and ends, clocks that change included."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.budgets.periods import Span, period_of, told_once_in
from burnline.finance.days import QUARTER_MS
from tests.budgets.examples import budget

ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Asia/Tokyo"]
)
MOMENTS = st.integers(1_577_836_800_000, 1_900_000_000_000)
HOUR_MS = 3_600_000


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("period", "zone", "at", "start", "end"),
    [
        ("day", "Asia/Tokyo", "2026-11-28T14:59:59+00:00", "2026-11-27T15:00+00:00", "2026-11-28T15:00+00:00"),
        ("day", "Asia/Tokyo", "2026-11-28T15:00:00+00:00", "2026-11-28T15:00+00:00", "2026-11-29T15:00+00:00"),
        ("day", "Europe/Berlin", "2026-03-29T12:00+02:00", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),
        ("day", "Europe/Berlin", "2026-10-25T12:00+01:00", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
        ("week", "UTC", "2026-11-29T23:59:59+00:00", "2026-11-23T00:00+00:00", "2026-11-30T00:00+00:00"),
        ("week", "UTC", "2026-11-30T00:00:00+00:00", "2026-11-30T00:00+00:00", "2026-12-07T00:00+00:00"),
        ("month", "UTC", "2026-12-31T23:59:59+00:00", "2026-12-01T00:00+00:00", "2027-01-01T00:00+00:00"),
        ("month", "America/New_York", "2026-03-31T23:00-04:00", "2026-03-01T00:00-05:00", "2026-04-01T00:00-04:00"),
        ("hour", "Asia/Kolkata", "2026-11-28T10:29:00+00:00", "2026-11-28T09:30+00:00", "2026-11-28T10:30+00:00"),
        ("hour", "Australia/Lord_Howe", "2026-04-05T01:55+11:00", "2026-04-05T01:00+11:00", "2026-04-05T02:00+10:30"),
        ("rolling-24h", "Asia/Tokyo", "2026-11-28T10:29:00+00:00", "2026-11-27T10:30+00:00", "2026-11-28T10:30+00:00"),
    ],
)  # fmt: skip
def test_a_period_is_that_of_its_zones_clocks(period: str, zone: str, at: str, start: str, end: str) -> None:
    assert period_of(budget(period=period, time_zone=zone), ms(at)) == Span(ms(start), ms(end))


@settings(deadline=None)
@given(st.sampled_from(["hour", "day", "week", "month"]), ZONES, MOMENTS)
def test_periods_follow_each_other_without_gap_or_overlap(period: str, zone: str, at_ms: int) -> None:
    of = budget(period=period, time_zone=zone)
    span = period_of(of, at_ms)
    assert span.start_ms <= at_ms < span.end_ms
    assert period_of(of, span.start_ms) == period_of(of, span.end_ms - 1) == span
    assert period_of(of, span.end_ms).start_ms == span.end_ms
    assert period_of(of, span.start_ms - 1).end_ms == span.start_ms
    assert span.start_ms % QUARTER_MS == span.end_ms % QUARTER_MS == 0


@settings(deadline=None)
@given(ZONES, MOMENTS)
def test_days_weeks_and_months_begin_at_midnight(zone: str, at_ms: int) -> None:
    """Or where clocks skip it, which none of these zones does."""
    for period in ("day", "week", "month"):
        start_ms = period_of(budget(period=period, time_zone=zone), at_ms).start_ms
        local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=start_ms)).astimezone(ZoneInfo(zone))
        assert (local.hour, local.minute) == (0, 0)
        assert period != "week" or local.weekday() == 0
        assert period != "month" or local.day == 1


@settings(deadline=None)
@given(st.integers(1, 744), MOMENTS)
def test_a_rolling_period_looks_back_from_the_quarter_under_way(hours: int, at_ms: int) -> None:
    span = period_of(budget(period=f"rolling-{hours}h"), at_ms)
    assert span.end_ms - span.start_ms == hours * HOUR_MS
    assert span.end_ms - QUARTER_MS <= at_ms < span.end_ms


@settings(deadline=None)
@given(st.integers(1, 744), MOMENTS)
def test_a_rolling_period_is_told_of_once_in_its_length(hours: int, at_ms: int) -> None:
    of = budget(period=f"rolling-{hours}h")
    told = {told_once_in(of.period, period_of(of, at_ms + hours * HOUR_MS * part // 8)) for part in range(8)}
    assert len(told) <= 2
    assert all(start_ms % (hours * HOUR_MS) == 0 for start_ms in told)


def test_a_calendars_period_is_told_of_by_its_begin() -> None:
    span = period_of(budget(), ms("2026-11-28T10:00+00:00"))
    assert told_once_in("day", span) == span.start_ms
