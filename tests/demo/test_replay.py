"""The replay: dates, order and stopping, by a clock that moves only when somebody waits."""

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.demo.replay import Timetable, replay
from burnline.demo.scenario import Planned

START_MS = 1_763_000_000_000


class ManualClock:
    """A clock that moves only when somebody waits for it."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def __call__(self) -> int:
        return self.at_ms


class WaitedStop(threading.Event):
    """Waiting on it moves the clock instead; it is set once the clock reaches `until_ms`."""

    def __init__(self, clock: ManualClock, until_ms: int) -> None:
        super().__init__()
        self.clock, self.until_ms = clock, until_ms

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.clock.at_ms += round(timeout * 1000)
        if self.clock.at_ms >= self.until_ms:
            self.set()
        return self.is_set()


@pytest.mark.parametrize(
    ("wall_s", "offset_s"),
    [
        pytest.param(-1, 0, id="before the start"),
        pytest.param(0, 0, id="start: the trace began 59 minutes ago"),
        pytest.param(30, 1800, id="half-way"),
        pytest.param(60, 3600, id="end: the last event is now"),
        pytest.param(61, 3600, id="after the end: the clock on the wall"),
    ],
)
def test_an_hour_in_a_minute(wall_s: int, offset_s: int) -> None:
    table = Timetable(START_MS, length_ms=3_600_000, speed=60)
    now_ms = START_MS + wall_s * 1000
    assert table.offset_ms(now_ms) == offset_s * 1000


@given(
    length_ms=st.integers(0, 10**8),
    speed=st.one_of(st.integers(1, 10_000), st.floats(1, 10_000)),
    share=st.fractions(0, 1),
)
def test_no_event_is_from_the_future_and_spacing_is_kept(length_ms: int, speed: float, share: float) -> None:
    table = Timetable(START_MS, length_ms, speed)
    offset_ms = int(share * length_ms)
    happened_ms = table.origin_ms + offset_ms
    assert happened_ms <= table.due_ms(offset_ms) <= table.end_ms
    assert happened_ms - table.origin_ms == offset_ms
    assert table.due_ms(length_ms) == table.end_ms == table.origin_ms + length_ms


def _planned(*offsets_ms: int) -> list[Planned]:
    return [Planned(offset_ms, {"event_id": str(offset_ms)}) for offset_ms in offsets_ms]


def test_each_event_is_published_when_it_is_due() -> None:
    clock = ManualClock(START_MS)
    table = Timetable(START_MS, length_ms=6_000, speed=60)
    out: list[tuple[int, dict[str, Any]]] = []
    count = replay(
        _planned(0, 600, 600, 6_000),
        table,
        lambda event: out.append((clock.at_ms - START_MS, event)),
        now_ms=clock,
        stop=WaitedStop(clock, until_ms=START_MS + 3_600_000),
    )
    assert count == 4
    assert [at_ms for at_ms, _ in out] == [0, 10, 10, 100]
    assert [event["occurred_at"] - START_MS for _, event in out] == [-5_900, -5_300, -5_300, 100]


@pytest.mark.parametrize(
    ("until_ms", "published"),
    [
        pytest.param(10, 1, id="stopped as the second is due"),
        pytest.param(11, 3, id="stopped while waiting for the last"),
        pytest.param(101, 4, id="never stopped"),
    ],
)
def test_a_stop_ends_the_replay_at_once(until_ms: int, published: int) -> None:
    clock = ManualClock(START_MS)
    table = Timetable(START_MS, length_ms=6_000, speed=60)
    stop = WaitedStop(clock, until_ms=START_MS + until_ms)
    count = replay(_planned(0, 600, 600, 6_000), table, lambda _: None, now_ms=clock, stop=stop)
    assert count == published


def test_nothing_is_published_after_a_stop_even_when_late() -> None:
    stop = threading.Event()
    stop.set()
    table = Timetable(START_MS, length_ms=6_000, speed=60)
    late = ManualClock(START_MS + 10**6)
    assert replay(_planned(0, 600), table, lambda _: None, now_ms=late, stop=stop) == 0
