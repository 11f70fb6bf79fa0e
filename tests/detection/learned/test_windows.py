"""Rings against the same sums by brute force."""

from hypothesis import given
from hypothesis import strategies as st

from burnline.detection.learned.windows import Begun, Buckets, Last, Recent

Moments = st.lists(st.tuples(st.integers(0, 3_000), st.integers(-50, 50)), max_size=60)


@given(Moments)
def test_buckets_hold_the_sum_of_the_newest_ones(added: list[tuple[int, int]]) -> None:
    ring, newest, held = Buckets(100, 5), -1, list[tuple[int, int]]()
    for at_ms, value in added:
        newest = max(newest, at_ms // 100)
        held = [(index, each) for index, each in [*held, (at_ms // 100, value)] if index > newest - 5]
        assert ring.add(at_ms, value) == sum(each for _, each in held)


@given(st.lists(st.integers(-9, 9), max_size=30))
def test_the_last_values(values: list[int]) -> None:
    ring = Last(5)
    for place, value in enumerate(values):
        assert ring.add(value) == (place >= 4)
        assert ring.total == sum(values[max(0, place - 4) : place + 1])


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)), max_size=60))
def test_what_was_seen_lately_is_counted_once(steps: list[tuple[int, int]]) -> None:
    ring, now, seen = Recent(100, 64), 0, dict[int, int]()
    for step, thing in steps:
        now += step
        seen[thing] = now
        assert ring.add(now, thing) == sum(at >= now - 100 for at in seen.values())


def test_no_more_is_told_apart_than_the_most() -> None:
    ring = Recent(1_000, 3)
    assert [ring.add(now, now) for now in range(5)] == [1, 2, 3, 3, 3]


def test_beginnings_leave_after_the_window() -> None:
    begun = Begun(100, 256)
    assert [begun.add(at, begins=begins) for at, begins in [(0, True), (50, True), (100, False), (101, False)]] == [
        1,
        2,
        2,
        1,
    ]
