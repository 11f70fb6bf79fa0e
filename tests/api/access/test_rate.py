"""Token buckets: a second's worth at once, then one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.api.access import rate
from burnline.api.access.rate import Buckets


def test_a_burst_of_a_second_and_then_the_rate() -> None:
    buckets = Buckets(4)
    assert [buckets.take("a", 10.0) for _ in range(5)] == [0, 0, 0, 0, 0.25]
    assert buckets.take("a", 10.125) == pytest.approx(0.125)
    assert buckets.take("a", 10.25) == 0
    assert buckets.take("a", 10.25) == pytest.approx(0.25)


def test_silence_fills_no_more_than_a_second() -> None:
    buckets = Buckets(2)
    assert [buckets.take("a", 0.0) for _ in range(3)] == [0, 0, 0.5]
    assert [buckets.take("a", 1000.0) for _ in range(3)] == [0, 0, 0.5]


def test_callers_do_not_share() -> None:
    buckets = Buckets(1)
    assert (buckets.take("a", 0.0), buckets.take("a", 0.0), buckets.take("b", 0.0)) == (0, 1, 0)


def test_nought_is_no_limit() -> None:
    buckets = Buckets(0)
    assert {buckets.take("a", 0.0) for _ in range(10_000)} == {0}


def test_the_one_silent_for_longest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "MOST_CALLERS", 2)
    buckets = Buckets(1)
    for caller in ("a", "b", "a", "c"):
        buckets.take(caller, 0.0)
    assert buckets.take("a", 0.0) == 1
    assert buckets.take("b", 0.0) == 0


@given(st.lists(st.floats(0, 0.5), max_size=200), st.integers(1, 50))
def test_never_more_than_the_burst_and_the_rate(pauses: list[float], per_s: int) -> None:
    buckets, now, allowed = Buckets(per_s), 0.0, 0
    for pause in pauses:
        now += pause
        allowed += buckets.take("a", now) == 0
        assert allowed <= per_s + now * per_s + 1e-6


@given(st.integers(1, 1000))
def test_who_waits_as_long_as_told_may_ask(per_s: int) -> None:
    buckets = Buckets(per_s)
    while not (wait_s := buckets.take("a", 0.0)):
        pass
    assert buckets.take("a", wait_s + 1e-9) == 0
