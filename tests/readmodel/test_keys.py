"""The names in Redis: what a generation's keys are, and that none is another's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.readmodel.keys import DAY_MS, Control, Keys, day_number, offset_field, utc_day
from tests.readmodel.examples import DAY, T0

CONTROL = Control("burnline:")
KEYS = CONTROL.keys("7")


def test_all_of_a_generation_stands_under_its_id() -> None:
    names = [getattr(KEYS, name) for name in dir(Keys) if isinstance(getattr(Keys, name), property)]
    names += [
        KEYS.session("s"),
        KEYS.closed_session("s"),
        KEYS.sessions_of("o"),
        KEYS.anomaly("a"),
        KEYS.rollups(DAY),
        KEYS.rate_history("k"),
    ]
    assert all(name.startswith("burnline:7:") for name in names)
    assert len(set(names)) == len(names), "two keys have one name"


def test_what_outlives_a_generation_stands_under_none() -> None:
    names = [getattr(CONTROL, name) for name in dir(Control) if isinstance(getattr(Control, name), property)]
    assert sorted(names) == [
        f"burnline:{name}" for name in ("building", "gen", "projector", "rebuild", "retired", "tokens", "unfit")
    ]


def test_no_generation_is_the_beginning_of_another() -> None:
    assert not CONTROL.keys("71").offsets.startswith(KEYS.prefix)


def test_a_partitions_offset() -> None:
    assert offset_field("finops.sessions", 3) == "finops.sessions/3"


@pytest.mark.parametrize(
    ("at_ms", "day"),
    [(0, "1970-01-01"), (DAY_MS - 1, "1970-01-01"), (DAY_MS, "1970-01-02"), (T0, DAY)],
    ids=["epoch", "last moment", "midnight", "some day"],
)
def test_days_are_half_open_and_utc(at_ms: int, day: str) -> None:
    assert utc_day(at_ms) == day


@given(st.integers(0, 4_102_444_800_000), st.integers(0, 4_102_444_800_000))
def test_days_sort_as_their_numbers(one: int, other: int) -> None:
    assert (utc_day(one) < utc_day(other)) == (day_number(one) < day_number(other))
