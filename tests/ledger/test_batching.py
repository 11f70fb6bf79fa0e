"""The same log gives the same records and the same notices, however it is cut, flushed, read again or taken over."""

from hypothesis import given
from hypothesis import strategies as st

from burnline.detection.anomaly import Anomaly
from burnline.ledger.partition import PartitionLedger
from burnline.ledger.record import decode
from burnline.ledger.session import Ledger
from tests.ledger.examples import RETENTION, T0, Topics, feed, ledger, policy, runs_of
from tests.ledger.logs import Entry, logs

CUTS = st.lists(st.integers(0, 30), max_size=6)
WHOLE = RETENTION._replace(slices=10_000)
Outcome = tuple[dict[str, bytes], dict[str, list[Anomaly]]]


def walked(log: list[Entry], batches: list[range], *, flush_each: bool = False) -> Outcome:
    """Committed records and notices of each session, after these batches."""
    topics, partition = Topics(), ledger()
    for batch in batches:
        apply(partition, [log[index] for index in batch])
        if flush_each:
            topics.commit(partition.take_changes(T0))
    topics.commit(partition.take_changes(T0))
    return topics.sessions, by_session(topics.notices)


def apply(partition: PartitionLedger, entries: list[Entry]) -> None:
    partition.apply(
        [entry.offset for entry in entries],
        [entry.event for entry in entries],
        logged_ms=[entry.logged_ms for entry in entries],
        now_ms=T0,
    )


def by_session(notices: list[Anomaly]) -> dict[str, list[Anomaly]]:
    """Sessions share no order: each has its own key."""
    found: dict[str, list[Anomaly]] = {}
    for notice in notices:
        found.setdefault(notice.session_id, []).append(notice)
    return found


def content(value: bytes) -> dict[str, object]:
    """All that a record holds; known ids as sets, since a set has no order to keep."""
    held = decode(value)
    plain = {name: getattr(held, name) for name in Ledger.__slots__ if name not in ("models", "recent")}
    models = {model: sums.values() for model, sums in held.models.items()}
    return {**plain, "models": models, "newer": held.recent.newer, "older": held.recent.older}


@given(logs(), CUTS)
def test_where_batches_end_changes_nothing(log: list[Entry], cuts: list[int]) -> None:
    assert walked(log, runs_of(log, cuts)) == walked(log, runs_of(log, range(len(log))))


@given(logs(), CUTS)
def test_when_is_flushed_changes_nothing(log: list[Entry], cuts: list[int]) -> None:
    """Notices are complete in themselves: that of a resolution too, whatever came between the events and the flush."""
    assert walked(log, runs_of(log, cuts), flush_each=True) == walked(log, runs_of(log, []))


@given(logs(), CUTS, st.lists(st.integers(0, 30), min_size=6, max_size=6))
def test_replays_change_nothing(log: list[Entry], cuts: list[int], starts: list[int]) -> None:
    """Each batch begins somewhere before where the last one ended."""
    batches = runs_of(log, cuts)
    again = [range(min(start, batch.start), batch.stop) for batch, start in zip(batches, [*starts, 0], strict=False)]
    assert walked(log, again) == walked(log, batches)


@given(logs(), CUTS, st.sets(st.integers(0, 6)))
def test_owners_may_change(log: list[Entry], cuts: list[int], lost: set[int]) -> None:
    """After each batch another owner takes over; what some of them did was never written."""
    topics, partition, rules = Topics(), ledger(), policy()
    for number, batch in enumerate(runs_of(log, cuts)):
        done = sum(entry.offset < partition.next_offset for entry in log)
        apply(partition, log[done : batch.stop])
        if number not in lost:
            topics.commit(partition.take_changes(T0))
        partition = topics.restored(rules)
    apply(partition, log)
    topics.commit(partition.take_changes(T0))
    records, notices = walked(log, runs_of(log, []))
    assert by_session(topics.notices) == notices
    assert {key: content(value) for key, value in topics.sessions.items()} == {
        key: content(value) for key, value in records.items()
    }


@given(logs())
def test_windows_add_up_to_totals(log: list[Entry]) -> None:
    """Where nothing is late and nothing pruned, the slices hold all that was spent."""
    partition = ledger(retention=WHOLE)
    apply(partition, log)
    for session_id in ("s-1", "s-2", "s-3"):
        held = partition.get(session_id)
        assert held is None or sum(held.slices.values()) == held.total("cost_pico_usd")


@given(logs())
def test_refused_records_leave_no_trace_but_progress(log: list[Entry]) -> None:
    """They move time on, as any record does; here they came when their neighbours did."""
    whole, holes = ledger(), ledger()
    whole.apply([entry.offset for entry in log], [entry.event for entry in log], now_ms=T0)
    accepted = [entry for entry in log if entry.event is not None]
    holes.apply([entry.offset for entry in accepted], [entry.event for entry in accepted], now_ms=T0)
    feed(holes, *[None] * (whole.next_offset - holes.next_offset))
    assert holes.take_changes(T0) == whole.take_changes(T0)
