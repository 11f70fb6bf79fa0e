"""Days of any zone: where they begin and end, and that quarter-hours fit into them."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.finance.days import FIRST_DATE, LAST_DATE, QUARTER_MS, date_in, days_until, start_ms, zone

HOUR_MS = 3_600_000
ZONES = sorted(available_timezones() - {"localtime"})


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("name", "on", "begins"),
    [
        ("UTC", date(2026, 11, 24), "2026-11-24T00:00:00+00:00"),
        ("Asia/Kolkata", date(2026, 11, 24), "2026-11-23T18:30:00+00:00"),
        ("Asia/Kathmandu", date(2026, 11, 24), "2026-11-23T18:15:00+00:00"),
        ("Pacific/Chatham", date(2026, 7, 1), "2026-06-30T11:15:00+00:00"),
        ("Pacific/Kiritimati", date(2026, 11, 24), "2026-11-23T10:00:00+00:00"),
        ("America/Los_Angeles", date(2026, 11, 24), "2026-11-24T08:00:00+00:00"),
    ],
    ids=lambda each: str(each),
)
def test_a_day_begins_at_midnight_there(name: str, on: date, begins: str) -> None:
    assert start_ms(zone(name), on) == ms(begins)


@pytest.mark.parametrize(
    ("name", "on", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 28), 24),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 3, 30), 24),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("Pacific/Apia", date(2011, 12, 29), 24),
        ("Pacific/Apia", date(2011, 12, 30), 0),
        ("Pacific/Apia", date(2011, 12, 31), 24),
        ("Africa/Cairo", date(2026, 4, 24), 23),
        ("America/Havana", date(2026, 11, 1), 25),
        ("Asia/Beirut", date(2026, 3, 29), 23),
    ],
    ids=lambda each: str(each),
)
def test_how_long_a_day_is(name: str, on: date, hours: float) -> None:
    (day,) = days_until(zone(name), on, 1)
    assert (day.end_ms - day.start_ms) / HOUR_MS == hours


def test_where_clocks_skip_midnight_the_day_begins_with_the_change() -> None:
    assert start_ms(zone("Asia/Beirut"), date(2026, 3, 29)) == ms("2026-03-28T22:00:00+00:00")


@pytest.mark.parametrize("name", ZONES)
def test_quarter_hours_straddle_no_day(name: str) -> None:
    tz = zone(name)
    days = days_until(tz, date(2035, 12, 31), (date(2035, 12, 31) - date(2012, 1, 1)).days)
    assert all(day.start_ms % QUARTER_MS == 0 for day in days)


@given(
    name=st.sampled_from(ZONES),
    last=st.dates(date(2012, 2, 1), date(2100, 1, 1)),
    count=st.integers(1, 30),
    part=st.floats(0, 1, exclude_max=True),
)
def test_days_follow_one_another_and_hold_the_moments_of_their_date(
    name: str, last: date, count: int, part: float
) -> None:
    tz = zone(name)
    days = days_until(tz, last, count)
    assert [day.date for day in days] == [last - timedelta(days=count - 1 - number) for number in range(count)]
    assert all(one.end_ms == other.start_ms for one, other in pairwise(days))
    for day in days:
        if day.end_ms > day.start_ms:
            at_ms = day.start_ms + int(part * (day.end_ms - day.start_ms))
            assert date_in(tz, at_ms) == day.date
            assert datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(name)).date() == day.date


@pytest.mark.parametrize("name", ["", "utc+1", "America", "../../etc/passwd", "Asia/kolkata", "Mars/Olympus", "\x00"])
def test_what_is_no_zone(name: str) -> None:
    with pytest.raises(ValueError, match="is no IANA time zone"):
        zone(name)


@pytest.mark.parametrize(
    ("last", "count"),
    [
        (FIRST_DATE, 2),
        (LAST_DATE + timedelta(days=1), 1),
        (date.max, 1),
        (date.min, 1),
        (date(2026, 1, 1), 0),
    ],
    ids=["before the first", "after the last", "the end of time", "its beginning", "no day"],
)
def test_days_that_cannot_be_asked_for(last: date, count: int) -> None:
    with pytest.raises((ValueError, OverflowError)):
        days_until(zone("UTC"), last, count)


def test_the_first_and_the_last_day_can_be() -> None:
    assert days_until(zone("Pacific/Kiritimati"), FIRST_DATE, 1)
    assert days_until(zone("Pacific/Midway"), LAST_DATE, 1)
