"""Whose time judges whom, in both implementations: no publisher's clock has a say in another's sessions."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec
import pytest

from burnline.detection.anomaly import Anomaly
from burnline.events.rejection import Reason, Rejection
from burnline.ledger.changes import Changes, ClockFault
from burnline.ledger.partition import PartitionLedger, Retention
from burnline.ledger.policy import Policy
from burnline.native.ledger import NativePartitionLedger
from burnline.pricing.money import PICO_PER_USD
from tests.ledger.examples import PARTITION, T0, TOPIC, held, policy

Kind = Callable[[str, int, Policy, Retention], PartitionLedger]
BOTH = pytest.mark.parametrize(
    "kind", [pytest.param(PartitionLedger, id="python"), pytest.param(NativePartitionLedger, id="kernel")]
)
RETENTION = Retention(slices=60, duplicate_ids=64, partition_ids=1_000)
"""Windows of 20 and 40 s over the last ten minutes."""
SKEW_MS = 300_000
HOUR_S = 3_600


class Sent(NamedTuple):
    """An event as its publisher sends it, and when the log takes it: seconds from the start."""

    session_id: str
    at_s: float
    logged_s: float
    milli_usd: int


def every_second(session_id: str, seconds: Iterable[int], *, milli_usd: int, late_s: int = 0) -> list[Sent]:
    """An event each second by the log, all by a clock that is so late."""
    return [Sent(session_id, second - late_s, second, milli_usd) for second in seconds]


def apply(partition: PartitionLedger, sent: Iterable[Sent], *, now_ms: int = T0) -> list[Rejection]:
    """Let the log take events in its own order, and apply them."""
    some = sorted(sent, key=lambda each: each.logged_s)
    first = partition.next_offset
    values = [
        msgspec.json.encode(
            {
                "event_id": f"e-{first + number}", "occurred_at": T0 + int(each.at_s * 1000), "org_id": "acme",
                "agent_id": f"agent-of-{each.session_id}", "session_id": each.session_id, "model": "gpt-4o",
                "input_tokens": 400 * each.milli_usd, "output_tokens": 0,
            }
        )
        for number, each in enumerate(some)
    ]  # fmt: skip
    return partition.apply_records(
        range(first, first + len(some)),
        values,
        logged_ms=[T0 + int(each.logged_s * 1000) for each in some],
        now_ms=now_ms,
        max_clock_skew_ms=SKEW_MS,
    )


def begun(kind: Kind) -> PartitionLedger:
    return kind(TOPIC, PARTITION, policy(), RETENTION)


def taken(partition: PartitionLedger) -> Changes:
    return partition.take_changes(T0)


def told(notices: Iterable[Anomaly], session_id: str) -> list[str]:
    return [str(notice.state) for notice in notices if notice.session_id == session_id]


@BOTH
@pytest.mark.parametrize("ahead_s", [0, 70, 90, 200, 299])
def test_a_fast_clock_neither_silences_its_neighbours_nor_resolves_them(kind: Kind, ahead_s: int) -> None:
    """Another session's event each 20 s, stamped ahead within what is allowed."""
    partition = begun(kind)
    burning = every_second("burns", range(300), milli_usd=20)
    fast = [Sent("fast", second + ahead_s, second, 0) for second in range(0, 300, 20)]
    apply(partition, [*burning, *fast])
    notices = taken(partition).notices
    assert told(notices, "burns") == ["opened", "escalated"]
    assert notices[0].opened_at <= T0 + 10_000


@BOTH
@pytest.mark.parametrize("late_s", [0, 30, 200, 500])
def test_a_publisher_that_is_late_beside_a_punctual_one_is_judged_by_its_own_time(kind: Kind, late_s: int) -> None:
    partition = begun(kind)
    late = every_second("late", range(120), milli_usd=20, late_s=late_s)
    punctual = every_second("punctual", range(400), milli_usd=0)
    apply(partition, [*late, *punctual])
    notices = taken(partition).notices
    assert told(notices, "late") == ["opened", "escalated", "resolved"]
    assert [notice.detected_after_s for notice in notices] == [late_s] * 3
    ended_s = (notices[-1].updated_at - T0) // 1000 + late_s
    assert 140 <= ended_s <= 160, "quiet is 20 s after the windows of 20 s have let go of the last event"


@BOTH
def test_a_session_that_goes_on_by_a_late_clock_is_not_resolved(kind: Kind) -> None:
    partition = begun(kind)
    apply(partition, every_second("late", range(300), milli_usd=20, late_s=200))
    apply(partition, every_second("punctual", range(300, 310), milli_usd=0))
    assert told(taken(partition).notices, "late") == ["opened", "escalated"]
    assert partition.open_anomalies == 1


@BOTH
def test_a_backfill_is_counted_and_does_not_page(kind: Kind) -> None:
    """An hour of a runaway session of three hours ago, beside one that burns now."""
    partition = begun(kind)
    old = every_second("old", range(60), milli_usd=500, late_s=3 * HOUR_S)
    apply(partition, [*old, *every_second("burns", range(60), milli_usd=20)])
    changes = taken(partition)
    assert {notice.session_id for notice in changes.notices} == {"burns"}
    assert changes.counts.late == 60
    assert changes.counts.clocks == {
        ("acme", "agent-of-old", ClockFault.LATE): 60,
        ("acme", "agent-of-old", ClockFault.DELAYED): 60,
    }
    counted = held(partition, "old")
    assert counted.total("cost_pico_usd") == 30 * PICO_PER_USD
    assert (counted.slices, counted.first_event_at) == ({}, T0 - 3 * HOUR_S * 1000)


@BOTH
@pytest.mark.parametrize(
    ("ahead_s", "refused"),
    [
        pytest.param(300, [], id="as-far-ahead-as-allowed"),
        pytest.param(300.001, [Reason.IN_THE_FUTURE], id="further"),
    ],
)
@pytest.mark.parametrize("wrong_s", [-6 * HOUR_S, -360, 0, 360], ids="workers-clock-{}-s-off".format)
def test_what_is_too_far_ahead_is_measured_by_the_log_and_not_by_the_workers_clock(
    kind: Kind, ahead_s: float, refused: list[Reason], wrong_s: int
) -> None:
    partition = begun(kind)
    rejections = apply(partition, [Sent("fast", ahead_s, 0, 1)], now_ms=T0 + wrong_s * 1000)
    assert [rejection.reason for rejection in rejections] == refused


@BOTH
def test_an_event_ahead_counts_in_the_windows_as_of_now_and_in_the_totals_as_sent(kind: Kind) -> None:
    partition = begun(kind)
    apply(partition, [Sent("fast", 250, 0, 80), Sent("fast", 255, 5, 1)])
    changes = taken(partition)
    assert [(notice.opened_at, notice.detected_after_s) for notice in changes.notices] == [(T0, 0)]
    assert changes.counts.clocks == {("acme", "agent-of-fast", ClockFault.AHEAD): 2}
    assert (partition.watermark_ms, partition.logged_ms) == (T0 + 5_000, T0 + 5_000)
    counted = held(partition, "fast")
    assert counted.last_event_at == T0 + 255_000
    assert counted.slices == {T0 // 10_000: 81 * PICO_PER_USD // 1000}


@BOTH
def test_records_that_are_refused_move_the_logs_time_on_too(kind: Kind) -> None:
    """A partition that nothing but poison comes to is not idle, and time does not stand still on it."""
    partition = begun(kind)
    apply(partition, [Sent("burns", 0, 0, 80)])
    first = partition.next_offset
    for second in range(1, 60):
        partition.apply_records(
            [first + second], [b"poison"], logged_ms=[T0 + second * 1000], now_ms=T0, max_clock_skew_ms=SKEW_MS
        )
    assert told(taken(partition).notices, "burns") == ["opened", "resolved"]


@BOTH
def test_a_session_keeps_its_own_time_over_a_restart(kind: Kind) -> None:
    partition = begun(kind)
    apply(partition, every_second("late", range(60), milli_usd=20, late_s=200))
    changes = taken(partition)
    owner = begun(kind)
    owner.restore(changes.progress, [(key.decode(), value) for key, value in changes.ledgers if value is not None])
    apply(owner, every_second("late", range(60, 120), milli_usd=20, late_s=200))
    assert taken(owner).notices == []
    assert owner.open_anomalies == 1
