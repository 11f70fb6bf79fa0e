"""An honest log agrees, however it was worked off, whenever it is looked at, and however much of it is left."""

from hypothesis import assume, given
from hypothesis import strategies as st

from burnline.events.usage import Usage
from burnline.ledger.audit.cut import Beginning
from burnline.ledger.audit.outcome import Outcome
from burnline.ledger.idle import HOUR_MS
from tests.ledger.audit.examples import (
    KNOWING,
    LOG,
    applied,
    audited,
    cut_of,
    found,
    found_of_sessions,
    next_offset,
    worked,
)
from tests.ledger.examples import T0, Topics, ledger, runs_of, usage
from tests.ledger.logs import Entry, logs

CUTS = st.lists(st.integers(0, 30), max_size=6)


@given(logs(), CUTS, st.sets(st.integers(0, 6)), CUTS)
def test_as_it_was_worked_off(log: list[Entry], flushes: list[int], crashes: set[int], cuts: list[int]) -> None:
    topics = worked(log, runs_of(log, flushes), crashes)[-1]
    report = audited(cut_of(topics, log), log, cuts=cuts)
    assert found(report) == []
    assert set(report.sessions) <= {Outcome.AGREES}
    assert report.sessions.total() == len(topics.sessions)
    assert report.recomputed == report.counted
    assert report.counted[0] + report.repeats + report.refused == report.records == len(log)


@given(logs(), CUTS, st.data())
def test_while_it_is_worked_off(log: list[Entry], flushes: list[int], data: st.DataObject) -> None:
    """The progress is read first; each ledger is then that of any flush since."""
    seen = worked(log, runs_of(log, flushes))
    at = data.draw(st.integers(0, len(seen) - 1), label="progress of flush")
    ledgers = {}
    for session_id in seen[-1].sessions:
        flush = data.draw(st.integers(at, len(seen) - 1), label=f"{session_id} of flush")
        if session_id in seen[flush].sessions:
            ledgers[session_id] = seen[flush].sessions[session_id]
    report = audited(cut_of(seen[-1], log, progress=seen[at].progress, ledgers=dict(ledgers)), log)
    assert found(report) == []
    assert report.sessions[Outcome.AGREES] == len(ledgers)


@given(logs(), logs(), CUTS, st.integers(0, 12))
def test_with_retired_sessions(first: list[Entry], second: list[Entry], cuts: list[int], idle_hours: int) -> None:
    """Sessions end, are retired, and some of them begin anew."""
    log = [*first, *(entry._replace(offset=entry.offset + first[-1].offset + 1) for entry in second)]
    topics, partition, now_ms = Topics(), ledger(retention=KNOWING), T0
    for part in (first, log[len(first) :]):
        applied(partition, part, now_ms)
        topics.commit(partition.take_changes(now_ms))
        now_ms += idle_hours * HOUR_MS
        partition.tick(now_ms)
        topics.commit(partition.take_changes(now_ms))
    report = audited(cut_of(topics, log), log, retention=KNOWING, cuts=cuts)
    assert found(report) == []
    assert set(report.sessions) <= {Outcome.AGREES, Outcome.RETIRED}
    assert report.recomputed == report.counted


@given(logs(), st.data())
def test_with_its_beginning_gone(log: list[Entry], data: st.DataObject) -> None:
    log = [each_its_own(entry) for entry in log]
    topics = worked(log)[-1]
    first = data.draw(st.integers(1, log[-1].offset + 1))
    report = audited(cut_of(topics, log), log, beginning=Beginning.of_log(first, T0, 0))
    assert found(report) == []
    assert set(report.sessions) <= {Outcome.AGREES, Outcome.NOT_CHECKABLE}
    assert report.sessions.total() == len(topics.sessions)


@given(logs(), CUTS, st.data())
def test_an_event_that_was_not_counted_is_found(log: list[Entry], flushes: list[int], data: st.DataObject) -> None:
    log = [each_its_own(entry) for entry in log]
    lost = data.draw(st.sampled_from(log))
    rest = [entry for entry in log if entry is not lost]
    assume(lost.event is not None and rest)
    topics = worked(rest, runs_of(rest, flushes))[-1]
    assume(next_offset(topics.progress) > lost.offset)
    assert lost.event is not None
    report = audited(cut_of(topics, log), log)
    assert found_of_sessions(report) == [(Outcome.MISSING, lost.event.session_id, -1)]


def each_its_own(entry: Entry) -> Entry:
    """No event repeats another."""
    if entry.event is None:
        return entry
    fields = {name: getattr(entry.event, name) for name in Usage.__struct_fields__}
    return entry._replace(event=usage(**{**fields, "event_id": f"e-{entry.offset}"}))


def test_what_is_told_of_it() -> None:
    report = audited(cut_of(worked(LOG)[-1], LOG), LOG)
    assert (report.first_offset, report.next_offset, report.records) == (0, 5, 5)
    assert (report.refused, report.repeats, report.whole, report.rollups_compared) == (1, 1, True, True)
    assert report.counted[:3] == (3, 30_000, 0)
    assert report.counted[7] == 75_000_000_000


def test_nothing_was_applied_yet() -> None:
    report = audited(cut_of(Topics(), []), LOG)
    assert (found(report), report.records, report.sessions.total()) == ([], 0, 0)
