"""Day by day: zero-filled, in any zone, exact in every split."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.finance.bounds import UnpricedBounds
from burnline.finance.days import date_in, days_until, zone
from burnline.finance.frames import Dimension, Totals, empty
from burnline.finance.frames import read_rows as read
from burnline.finance.trend import trend
from burnline.pricing.money import pico_from_text
from tests.finance.rows import QUARTER, T0, row, value

DAY = date(2025, 10, 9)
MIDNIGHT = T0 - 9 * 3_600_000
"""2025-10-09T00:00Z."""


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    return read([value(each) for each in rows], UnpricedBounds.bundled())


def costs(rows: pl.DataFrame, tz: str, last: date, count: int) -> list[int]:
    (series,) = trend(rows, days_until(zone(tz), last, count), [], 1).series
    return [day.cost for day in series.days]


ROWS = frame(
    row(quarter_start_ms=MIDNIGHT - QUARTER, input=1),  # 23:45 the day before
    row(quarter_start_ms=MIDNIGHT, input=10),
    row(quarter_start_ms=MIDNIGHT + 73 * QUARTER, input=100),  # 18:15
    row(quarter_start_ms=MIDNIGHT + 74 * QUARTER, input=1000),  # 18:30
)


@pytest.mark.parametrize(
    ("tz", "expected"),
    [
        ("UTC", [0, 1, 1110]),
        ("Asia/Kolkata", [0, 0, 111]),  # the day ends at 18:30 UTC
        ("Asia/Kathmandu", [0, 0, 11]),  # at 18:15
        ("America/St_Johns", [0, 11, 1100]),
    ],
)
def test_a_quarter_hour_counts_on_the_day_it_lies_in_there(tz: str, expected: list[int]) -> None:
    assert costs(ROWS, tz, DAY, 3) == expected


def test_a_day_of_25_hours() -> None:
    start = days_until(zone("Europe/Berlin"), date(2025, 10, 26), 1)[0].start_ms
    rows = frame(*(row(quarter_start_ms=start + number * QUARTER, input=1) for number in range(-1, 101)))
    assert costs(rows, "Europe/Berlin", date(2025, 10, 27), 3) == [1, 100, 1]


def test_a_day_that_was_left_out() -> None:
    start = days_until(zone("Pacific/Apia"), date(2011, 12, 31), 1)[0].start_ms
    rows = frame(row(quarter_start_ms=start - QUARTER, input=1), row(quarter_start_ms=start, input=10))
    assert costs(rows, "Pacific/Apia", date(2011, 12, 31), 3) == [1, 0, 10]


def test_nothing_used() -> None:
    assert trend(empty(), days_until(zone("UTC"), DAY, 30), [Dimension.ORG], 5).series == []
    assert trend(ROWS, days_until(zone("UTC"), date(2020, 1, 1), 30), [], 5).series == []


def test_groups_beyond_the_limit_are_added_up() -> None:
    rows = frame(
        *(row(agent_id=name, input=cost) for name, cost in [("a", 5), ("b", 9), ("c", 7)]),
        row(agent_id="c", quarter_start_ms=T0 - 96 * QUARTER, input=1),
    )
    found = trend(rows, days_until(zone("UTC"), DAY, 2), [Dimension.AGENT], 2)
    assert [(each.group, [day.cost for day in each.days]) for each in found.series] == [
        (("b",), [0, 9]),
        (("c",), [1, 7]),
    ]
    assert found.rest is not None
    assert [day.cost for day in found.rest.days] == [0, 5]
    assert (found.rest.total.cost, found.total.cost, found.groups) == (5, 22, 3)


def test_none_are_left_at_the_limit() -> None:
    rows = frame(row(agent_id="a"), row(agent_id="b"))
    assert trend(rows, days_until(zone("UTC"), DAY, 1), [Dimension.AGENT], 2).rest is None


def test_usage_without_a_team_is_a_group() -> None:
    rows = frame(row(team_id=None, input=2), row(team_id="red", input=1))
    found = trend(rows, days_until(zone("UTC"), DAY, 1), [Dimension.TEAM], 5)
    assert [(each.group, each.total.cost) for each in found.series] == [((None,), 2), (("red",), 1)]


some_rows = st.lists(
    st.builds(
        row,
        quarter_start_ms=st.integers(-500, 500).map(lambda number: T0 + number * QUARTER),
        agent_id=st.sampled_from("abcd"),
        team_id=st.sampled_from([None, "red"]),
        input=st.integers(0, 10**20),
        since_offset=st.integers(0, 10**6),
    ),
    min_size=1,
    max_size=20,
)


@given(
    rows=some_rows,
    tz=st.sampled_from(sorted(available_timezones() - {"localtime"})),
    by=st.lists(st.sampled_from([Dimension.AGENT, Dimension.TEAM]), unique=True),
    limit=st.integers(1, 5),
)
def test_days_and_groups_add_up_to_the_whole(
    rows: list[dict[str, Any]], tz: str, by: list[Dimension], limit: int
) -> None:
    days = days_until(zone(tz), DAY, 5)
    found = trend(frame(*rows), days, by, limit)
    expected = {day.date: 0 for day in days}
    for each in rows:
        on = date_in(ZoneInfo(tz), each["quarter_start_ms"])
        if on in expected:
            expected[on] += pico_from_text(each["cost_usd"])
    every = [*found.series, *([found.rest] if found.rest else [])]
    for number, day in enumerate(days):
        assert sum(series.days[number].cost for series in every) == expected[day.date]
    assert sum(series.total.cost for series in every) == found.total.cost == sum(expected.values())
    for series in every:
        whole = Totals.zero()
        for used in series.days:
            whole = whole.plus(used)
        assert whole == series.total
