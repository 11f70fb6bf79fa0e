"""Sessions that nobody hears of any more: their ledgers go, their sums stay."""

from decimal import Decimal

import pytest

from burnline.ledger import partition as module
from burnline.ledger.changes import Changes
from burnline.ledger.idle import HOUR_MS
from burnline.ledger.partition import PartitionLedger
from burnline.ledger.record import UnreadableRecord
from burnline.ledger.rollup import SessionRollup, decode
from tests.ledger.examples import RETENTION, T0, Topics, feed, ledger, named, policy, usage

assert RETENTION.idle_ms is not None
HOUR_OVER_MS = (T0 // HOUR_MS + 1) * HOUR_MS - T0
DUE_MS = HOUR_OVER_MS + RETENTION.idle_ms
"""From T0 until the hour of the newest event is over, and then the idle time."""


def later(partition: PartitionLedger, idle_ms: int) -> Changes:
    """A flush after so long without any record."""
    partition.tick(T0 + idle_ms)
    return partition.take_changes(T0 + idle_ms)


@pytest.fixture
def flushed() -> tuple[PartitionLedger, Topics]:
    """A partition with two sessions of one agent and one of another, all written."""
    partition, topics = ledger(), Topics()
    feed(
        partition,
        usage(kind="run"),
        usage(event_id="e-2", model="claude-sonnet-4-5"),
        usage(session_id="s-2", kind="embedding"),
        usage(session_id="s-3", agent_id="agent-8"),
    )
    topics.commit(partition.take_changes(T0))
    return partition, topics


@pytest.mark.parametrize(
    ("idle_ms", "left"), [pytest.param(DUE_MS - 1, 3, id="not-yet"), pytest.param(DUE_MS, 0, id="now")]
)
def test_after_the_idle_time(flushed: tuple[PartitionLedger, Topics], idle_ms: int, left: int) -> None:
    partition, topics = flushed
    topics.commit(later(partition, idle_ms))
    assert len(partition) == len(topics.sessions) == left


def test_the_sums_stay(flushed: tuple[PartitionLedger, Topics]) -> None:
    partition, topics = flushed
    topics.commit(later(partition, DUE_MS))
    assert topics.rollups.keys() == {b"closed/2/acme/agent-7", b"closed/2/acme/agent-8"}
    rollup = SessionRollup.model_validate_json(topics.rollups[b"closed/2/acme/agent-7"])
    assert (rollup.sessions, rollup.events, rollup.runs, rollup.tool_calls) == (2, 3, 1, 0)
    assert (Decimal(rollup.cost_usd), Decimal(rollup.embedding_cost_usd)) == (Decimal("0.08"), Decimal("0.025"))
    assert rollup.by_model.keys() == {"gpt-4o", "claude-sonnet-4-5"}


def test_a_session_may_come_back(flushed: tuple[PartitionLedger, Topics]) -> None:
    """It begins anew, and is added when it is retired again."""
    partition, topics = flushed
    topics.commit(later(partition, DUE_MS))
    feed(partition, usage(event_id="e-9"))
    topics.commit(partition.take_changes(T0))
    assert topics.sessions.keys() == {named("s-1")}
    topics.commit(later(partition, DUE_MS))
    rollup = decode(topics.rollups[b"closed/2/acme/agent-7"])
    assert (rollup.sessions, rollup.models["gpt-4o"].events) == (3, 3)
    assert topics.sessions == {}


def test_also_by_a_new_owner(flushed: tuple[PartitionLedger, Topics]) -> None:
    _, topics = flushed
    partition = topics.restored(policy())
    partition.tick(T0)
    topics.commit(later(partition, DUE_MS))
    partition = topics.restored(policy())
    feed(partition, usage(session_id="s-4"))
    topics.commit(partition.take_changes(T0))
    topics.commit(later(partition, DUE_MS))
    assert decode(topics.rollups[b"closed/2/acme/agent-7"]).sessions == 3


def test_event_time_counts_and_not_the_clock_while_events_come(flushed: tuple[PartitionLedger, Topics]) -> None:
    partition, _ = flushed
    feed(partition, usage(session_id="s-4", occurred_at=T0 + DUE_MS - 1), now_ms=T0)
    assert [value for _, value in later(partition, 0).ledgers if value is None] == []
    feed(partition, usage(session_id="s-5", occurred_at=T0 + DUE_MS), now_ms=T0)
    assert sorted(key for key, value in later(partition, 0).ledgers if value is None) == [
        named(each).encode() for each in ("s-1", "s-2", "s-3")
    ]


def test_an_event_in_between_keeps_a_session(flushed: tuple[PartitionLedger, Topics]) -> None:
    partition, topics = flushed
    feed(partition, usage(event_id="e-9", occurred_at=T0 + HOUR_OVER_MS + 1))
    topics.commit(partition.take_changes(T0))
    topics.commit(later(partition, DUE_MS - HOUR_OVER_MS - 1))
    assert topics.sessions.keys() == {named("s-1")}


def test_what_is_not_yet_written_waits_for_the_next_flush(flushed: tuple[PartitionLedger, Topics]) -> None:
    partition, topics = flushed
    feed(partition, usage(event_id="e-9"))
    topics.commit(later(partition, DUE_MS))
    assert topics.sessions.keys() == {named("s-1")}
    topics.commit(later(partition, DUE_MS))
    assert topics.sessions == {}


def test_an_open_anomaly_ends_first() -> None:
    partition, topics = ledger(), Topics()
    feed(partition, usage(input_tokens=50_000))
    topics.commit(partition.take_changes(T0))
    assert partition.open_anomalies == 1
    topics.commit(later(partition, DUE_MS))
    assert [str(notice.state) for notice in topics.notices] == ["opened", "resolved"]
    assert topics.sessions.keys() == {named("s-1")}
    topics.commit(later(partition, DUE_MS + HOUR_MS))
    assert topics.sessions == {}


def test_an_open_anomaly_is_never_retired() -> None:
    """However short the idle time is."""
    partition = ledger(retention=RETENTION._replace(idle_ms=1))
    feed(partition, usage(input_tokens=50_000, occurred_at=T0 + HOUR_OVER_MS - 1))
    partition.take_changes(T0)
    assert later(partition, 2).ledgers == []
    assert partition.open_anomalies == 1


def test_a_quiet_night_is_spread_over_flushes(
    flushed: tuple[PartitionLedger, Topics], monkeypatch: pytest.MonkeyPatch
) -> None:
    partition, topics = flushed
    monkeypatch.setattr(module, "MAX_RETIRED_AT_ONCE", 2)
    topics.commit(later(partition, DUE_MS))
    assert len(topics.sessions) == 1
    topics.commit(later(partition, DUE_MS))
    assert topics.sessions == {}


@pytest.mark.parametrize("owner", ["the same", "a new one"])
def test_a_duplicate_opens_no_ledger(owner: str) -> None:
    """The partition still knows the event; an empty ledger would begin at the wrong time."""
    retention = RETENTION._replace(partition_ids=100)
    partition, topics = ledger(retention=retention), Topics()
    feed(partition, usage())
    topics.commit(partition.take_changes(T0))
    topics.commit(later(partition, DUE_MS))
    if owner == "a new one":
        partition = topics.restored(policy(), retention)
    feed(partition, usage())
    changes = partition.take_changes(T0)
    assert (len(partition), changes.counts.duplicates, changes.counts.opened) == (0, 1, [])


def test_it_can_be_turned_off() -> None:
    partition = ledger(retention=RETENTION._replace(idle_ms=None))
    feed(partition, usage())
    partition.take_changes(T0)
    assert later(partition, 100 * DUE_MS).ledgers == []


def test_a_rollup_that_cannot_be_read_stops_the_takeover(flushed: tuple[PartitionLedger, Topics]) -> None:
    partition, topics = flushed
    topics.commit(later(partition, DUE_MS))
    topics.rollups[b"closed/2/acme/agent-7"] = topics.rollups[b"closed/2/acme/agent-7"][:-9]
    with pytest.raises(UnreadableRecord):
        topics.restored(policy())
