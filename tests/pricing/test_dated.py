"""When dated prices hold.

day            |00:00        06:00        12:00        18:00        |24:00
Daily(6h,12h)  |.............##############.........................|
Daily(18h,6h)  |##############.........................#############|
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.pricing.card import BEGINNING_MS, FOREVER_MS
from burnline.pricing.dated import DAY_MS, Always, Condition, Daily, Dated, Since, Span, Workdays, holding, utc_text

HOUR = 3_600_000
NOON = 20_000 * DAY_MS + 12 * HOUR
MIDNIGHT = 20_000 * DAY_MS
MORNING, NIGHT = Daily(6 * HOUR, 12 * HOUR), Daily(18 * HOUR, 6 * HOUR)


@pytest.mark.parametrize(
    ("condition", "at_ms", "span"),
    [
        pytest.param(Always(), NOON, Span(holds=True, from_ms=BEGINNING_MS, until_ms=FOREVER_MS), id="always"),
        pytest.param(
            Since(NOON), NOON - 1, Span(holds=False, from_ms=BEGINNING_MS, until_ms=NOON), id="before the start"
        ),
        pytest.param(Since(NOON), NOON, Span(holds=True, from_ms=NOON, until_ms=FOREVER_MS), id="at the start"),
        pytest.param(
            MORNING,
            MIDNIGHT + 6 * HOUR - 1,
            Span(holds=False, from_ms=MIDNIGHT - 12 * HOUR, until_ms=MIDNIGHT + 6 * HOUR),
            id="before six",
        ),
        pytest.param(
            MORNING, MIDNIGHT + 6 * HOUR, Span(holds=True, from_ms=MIDNIGHT + 6 * HOUR, until_ms=NOON), id="at six"
        ),
        pytest.param(MORNING, NOON - 1, Span(holds=True, from_ms=MIDNIGHT + 6 * HOUR, until_ms=NOON), id="before noon"),
        pytest.param(MORNING, NOON, Span(holds=False, from_ms=NOON, until_ms=NOON + 18 * HOUR), id="at noon"),
        pytest.param(
            NIGHT,
            MIDNIGHT,
            Span(holds=True, from_ms=MIDNIGHT - 6 * HOUR, until_ms=MIDNIGHT + 6 * HOUR),
            id="midnight at night",
        ),
        pytest.param(
            NIGHT,
            NOON,
            Span(holds=False, from_ms=MIDNIGHT + 6 * HOUR, until_ms=MIDNIGHT + 18 * HOUR),
            id="noon, not night",
        ),
        pytest.param(
            NIGHT,
            MIDNIGHT - 1,
            Span(holds=True, from_ms=MIDNIGHT - 6 * HOUR, until_ms=MIDNIGHT + 6 * HOUR),
            id="late evening",
        ),
        pytest.param(
            Daily(HOUR, HOUR), NOON, Span(holds=False, from_ms=BEGINNING_MS, until_ms=FOREVER_MS), id="no hours at all"
        ),
    ],
)
def test_spans(condition: Condition, at_ms: int, span: Span) -> None:
    assert condition.span(at_ms) == span


@pytest.mark.parametrize(
    ("at_ms", "value", "from_ms", "until_ms"),
    [
        pytest.param(NOON - DAY_MS, "old", NOON - DAY_MS, MIDNIGHT, id="the day before"),
        pytest.param(MIDNIGHT, "new", MIDNIGHT, MIDNIGHT + 6 * HOUR, id="the day begins"),
        pytest.param(MIDNIGHT + 6 * HOUR, "morning", MIDNIGHT + 6 * HOUR, NOON, id="the hours begin"),
        pytest.param(NOON, "new", NOON, NOON + 18 * HOUR, id="the hours end"),
    ],
)
def test_the_last_that_holds_counts_and_the_interval_ends_with_it(
    at_ms: int, value: str, from_ms: int, until_ms: int
) -> None:
    entries = [Dated(Always(), "old"), Dated(Since(MIDNIGHT), "new"), Dated(MORNING, "morning")]
    assert holding(entries, at_ms) == (value, from_ms, until_ms)


def test_the_first_stands_in_when_none_holds() -> None:
    entries = [Dated(MORNING, "morning"), Dated(Since(NOON + DAY_MS), "later")]
    assert holding(entries, NOON) == ("morning", NOON, NOON + 18 * HOUR)


CONDITION = st.one_of(
    st.just(Always()),
    st.builds(Since, st.integers(0, 3 * DAY_MS)),
    st.builds(Daily, st.integers(0, DAY_MS - 1), st.integers(0, DAY_MS - 1)),
    st.builds(
        lambda since, days, hours: Workdays(since * DAY_MS, days and (since + days) * DAY_MS, *sorted(hours)),
        st.integers(0, 5),
        st.none() | st.integers(1, 9),
        st.tuples(st.integers(0, DAY_MS // 2), st.integers(DAY_MS // 2 + 1, DAY_MS - 1)),
    ),
)


@given(st.lists(CONDITION, min_size=1, max_size=4), st.integers(0, 14 * DAY_MS), st.data())
def test_the_value_is_the_same_over_the_whole_interval(
    conditions: list[Condition], at_ms: int, data: st.DataObject
) -> None:
    entries = [Dated(condition, place) for place, condition in enumerate(conditions)]
    now = holding(entries, at_ms)
    assert now.from_ms <= at_ms < now.until_ms
    other_ms = data.draw(st.integers(now.from_ms, min(now.until_ms, 20 * DAY_MS) - 1))
    assert holding(entries, other_ms) == now


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [
        pytest.param(0, "1970-01-01T00:00:00Z", id="whole second"),
        pytest.param(1_700_000_000_007, "2023-11-14T22:13:20.007Z", id="milliseconds"),
    ],
)
def test_times_are_written_in_utc(at_ms: int, text: str) -> None:
    assert utc_text(at_ms) == text
