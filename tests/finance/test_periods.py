"""Which period a question is over: both ends, both ways to name it, and what is none."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.finance.days import QUARTER_MS, Day, days_until, zone
from burnline.finance.periods import (
    HOUR_MS,
    MAX_DAYS,
    MAX_HOURS,
    Asked,
    PeriodError,
    cut_days,
    days_of,
    hours_of,
    moment_ms,
)

MIDNIGHT = 1_759_968_000_000
"""2025-10-09T00:00Z."""
NOW_MS = MIDNIGHT + 8 * HOUR_MS + 53 * 60_000
UTC_ZONE = zone("UTC")


def days(tz: str = "UTC", **asked: object) -> list[Day]:
    return days_of(Asked(**asked), zone(tz), NOW_MS, default=7)  # type: ignore[arg-type]  # as the parameters name them


def span(**asked: object) -> tuple[int, int]:
    found = days(**asked)  # type: ignore[arg-type]  # as above
    return (found[0].start_ms - MIDNIGHT) // HOUR_MS, (found[-1].end_ms - MIDNIGHT) // HOUR_MS


@pytest.mark.parametrize(
    ("asked", "hours"),
    [
        pytest.param({}, (-6 * 24, 24), id="nothing"),
        pytest.param({"days": 1}, (0, 24), id="today"),
        pytest.param({"days": 2, "until": date(2025, 10, 8)}, (-48, 0), id="until"),
        pytest.param({"first": "2025-10-09"}, (0, 24), id="from-today"),
        pytest.param({"first": "2025-10-07", "end": "2025-10-09"}, (-48, 0), id="dates-are-half-open"),
        pytest.param({"first": "2025-10-08", "end": "2025-10-10"}, (-24, 24), id="to-the-end-of-today"),
        pytest.param({"first": "2025-10-08T22:00:00Z", "end": "2025-10-09T01:00:00Z"}, (-2, 1), id="times"),
        pytest.param({"first": "2025-10-09T05:30:00+05:30", "end": "2025-10-09T03:00Z"}, (0, 3), id="offsets"),
        pytest.param({"first": "2025-10-08", "end": "2025-10-09T03:00:00Z"}, (-24, 3), id="a-date-and-a-time"),
    ],
)
def test_periods(asked: dict[str, object], hours: tuple[int, int]) -> None:
    assert span(**asked) == hours


def test_the_ends_cut_days_and_dates_are_of_the_zone() -> None:
    found = days("Asia/Kolkata", first="2025-10-07T20:00:00Z", end="2025-10-09")
    assert [str(day.date) for day in found] == ["2025-10-08"]
    assert found[0].start_ms == MIDNIGHT - 28 * HOUR_MS
    assert found[0].end_ms == MIDNIGHT - 5 * HOUR_MS - 2 * QUARTER_MS


@pytest.mark.parametrize(
    ("asked", "field", "said"),
    [
        pytest.param({"first": "2025-10-01", "days": 3}, "days", "days=3 beside from=2025-10-01", id="from-and-days"),
        pytest.param({"first": "2025-10-01", "until": date(2025, 10, 2)}, "until", "beside from", id="from-and-until"),
        pytest.param({"end": "2025-10-01"}, "to", "to needs from", id="to-alone"),
        pytest.param({"first": "2025-10-09", "end": "2025-10-08"}, "from", "lies behind to", id="backwards"),
        pytest.param({"first": "2025-10-08", "end": "2025-10-08"}, "from", "is the same moment as to", id="empty"),
        pytest.param({"first": "2025-10-10"}, "from", "lies in the future", id="from-tomorrow"),
        pytest.param({"first": "2025-10-09T09:00:00Z"}, "from", "lies in the future", id="from-seven-minutes-ahead"),
        pytest.param({"first": "2025-10-09", "end": "2025-10-11"}, "to", "today ends at 2025-10-10T00:00", id="to"),
        pytest.param({"first": "2025-10-09", "end": "2025-10-10T00:15Z"}, "to", "lies in the future", id="to-a-time"),
        pytest.param({"until": date(2025, 10, 10)}, "until", "today is 2025-10-09 in UTC", id="until-tomorrow"),
        pytest.param({"first": "2025-10-08T00:01:00Z"}, "from", "within a quarter of an hour", id="a-minute-past"),
        pytest.param({"first": "2025-10-08T00:00:00.001Z"}, "from", "within a quarter of an hour", id="a-millisecond"),
        pytest.param({"first": "2025-10-08T00:00:00"}, "from", "names no offset", id="no-offset"),
        pytest.param({"first": "2025-10-08T00:00:00 02:00"}, "from", "is written %2B", id="a-plus-that-was-lost"),
        pytest.param({"first": "yesterday"}, "from", "is no moment", id="words"),
        pytest.param({"first": "2025-02-30"}, "from", "is no moment", id="no-such-day"),
        pytest.param({"first": "2001-09-09"}, "from", "is no moment", id="before-all-events"),
        pytest.param({"first": "0001-01-01T00:00:00+23:00"}, "from", "not lie within", id="before-all-times"),
    ],
)
def test_no_periods(asked: dict[str, object], field: str, said: str) -> None:
    with pytest.raises(PeriodError) as raised:
        days(**asked)  # type: ignore[arg-type]  # as above
    assert raised.value.field == field
    assert said in str(raised.value)


def test_a_period_begins_before_now() -> None:
    quarter = NOW_MS - NOW_MS % QUARTER_MS
    first = "2025-10-09T08:45:00Z"
    assert moment_ms(UTC_ZONE, "from", first) == quarter
    with pytest.raises(PeriodError, match="future"):
        days_of(Asked(first), UTC_ZONE, quarter, default=1)
    assert len(days_of(Asked(first), UTC_ZONE, quarter + 1, default=1)) == 1


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)], ids=["400-days", "401-days"])
def test_no_more_days_than_are_kept(more: int, *, fits: bool) -> None:
    first = str(date(2025, 10, 9) - timedelta(days=MAX_DAYS - 1 + more))
    if fits:
        assert len(days(first=first)) == MAX_DAYS
    else:
        with pytest.raises(PeriodError, match="makes 401 days; 400 at most"):
            days(first=first)


class TestHours:
    """Hours of a zone's clocks."""

    @pytest.mark.parametrize(
        ("tz", "from_quarter", "quarters", "sizes"),
        [
            pytest.param("UTC", 0, 8, [4, 4], id="full-hours"),
            pytest.param("UTC", 1, 8, [3, 4, 1], id="cut-at-both-ends"),
            pytest.param("Asia/Kathmandu", 0, 8, [1, 4, 3], id="at-a-quarter"),
        ],
    )
    def test_sizes(self, tz: str, from_quarter: int, quarters: int, sizes: list[int]) -> None:
        from_ms = MIDNIGHT + from_quarter * QUARTER_MS
        found = hours_of(zone(tz), from_ms, from_ms + quarters * QUARTER_MS)
        assert [(hour.end_ms - hour.start_ms) // QUARTER_MS for hour in found] == sizes

    @pytest.mark.parametrize(
        ("tz", "day", "hours"),
        [
            pytest.param("Europe/Berlin", date(2025, 3, 30), 23, id="an-hour-left-out"),
            pytest.param("Europe/Berlin", date(2025, 10, 26), 25, id="an-hour-twice"),
            pytest.param("Australia/Lord_Howe", date(2025, 10, 5), 24, id="half-an-hour-left-out"),
        ],
    )
    def test_days_on_which_clocks_change(self, tz: str, day: date, hours: int) -> None:
        (only,) = days_until(zone(tz), day, 1)
        assert len(hours_of(zone(tz), only.start_ms, only.end_ms)) == hours

    def test_no_more_than_31_days(self) -> None:
        assert len(hours_of(UTC_ZONE, MIDNIGHT, MIDNIGHT + MAX_HOURS * HOUR_MS)) == MAX_HOURS
        with pytest.raises(PeriodError, match=r"grain=hour makes 746 hours; 745 at most"):
            hours_of(UTC_ZONE, MIDNIGHT, MIDNIGHT + MAX_HOURS * HOUR_MS + QUARTER_MS)


@given(
    tz=st.sampled_from(["UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia"]),
    start=st.integers(1, 400_000),
    quarters=st.integers(1, 300),
)
def test_days_and_hours_cover_a_period_once(tz: str, start: int, quarters: int) -> None:
    from_ms = 1_400_000_400_000 + start * QUARTER_MS
    to_ms = from_ms + quarters * QUARTER_MS
    for spans in (cut_days(zone(tz), from_ms, to_ms), hours_of(zone(tz), from_ms, to_ms)):
        ends = [from_ms, *(each.end_ms for each in spans)]
        assert [each.start_ms for each in spans] == ends[:-1]
        assert ends[-1] == to_ms
    assert all(hour.end_ms - hour.start_ms <= HOUR_MS for hour in hours_of(zone(tz), from_ms, to_ms))
