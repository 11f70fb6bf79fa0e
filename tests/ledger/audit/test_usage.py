"""Usage rollups against the log: what is honest agrees, what is wrong is named, what cannot be known is left out."""

from collections.abc import Callable
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.ledger.audit.cut import MARGIN_MS, Beginning, Scope
from burnline.ledger.audit.outcome import Outcome
from burnline.ledger.audit.report import NO_SUMS
from burnline.ledger.audit.usage_held import HeldUsage, place_of
from burnline.ledger.usage_rollups import QUARTER_MS
from tests.ledger.audit.examples import (
    KEEPING,
    Found,
    applied,
    audited,
    cut_of,
    entries,
    found,
    usage_of,
    worked,
)
from tests.ledger.examples import T0, Topics, ledger, policy, runs_of, usage
from tests.ledger.logs import Entry, logs

CUTS = st.lists(st.integers(0, 30), max_size=6)
QUARTER: Final = T0 // QUARTER_MS * QUARTER_MS
AGENT: Final = "acme/agent-7 (usage rollups)"
LOG: Final = entries(
    usage(event_id="a", occurred_at=QUARTER),
    usage(event_id="b", occurred_at=QUARTER + 1),
    usage(event_id="c", occurred_at=QUARTER + QUARTER_MS),
    usage(event_id="d", occurred_at=QUARTER + 2 * QUARTER_MS, session_id="s-2", agent_id="agent-8"),
)
"""Two events of one quarter, one of the next; one of another agent in the one after."""


@pytest.fixture
def topics() -> Topics:
    """The log, worked off."""
    return worked(LOG)[-1]


def changed(held: HeldUsage, change: Callable[[dict[str, object]], None], row: int = 0) -> HeldUsage:
    """With one record's fields changed, its key as it was."""
    records = list(held.records)
    key, value = records[row]
    fields = msgspec.json.decode(value)
    change(fields)
    records[row] = key, msgspec.json.encode(fields)
    return held._replace(records=records)


@given(logs(), CUTS, st.sets(st.integers(0, 6)), CUTS)
def test_as_it_was_worked_off(log: list[Entry], flushes: list[int], crashes: set[int], cuts: list[int]) -> None:
    topics = worked(log, runs_of(log, flushes), crashes)[-1]
    report = audited(cut_of(topics, log), log, cuts=cuts)
    assert found(report) == []
    assert report.usage_compared is (report.counted[0] > 0)
    assert (report.usage_settled, report.usage_moving) == (report.counted, NO_SUMS)


@given(logs(), CUTS, st.data())
def test_while_it_is_worked_off(log: list[Entry], flushes: list[int], data: st.DataObject) -> None:
    """The progress is read first; each record is then that of any flush since."""
    seen = worked(log, runs_of(log, flushes))
    at = data.draw(st.integers(0, len(seen) - 1), label="progress of flush")
    held = Topics()
    for key in seen[-1].usage_rollups:
        flush = data.draw(st.integers(at, len(seen) - 1), label=f"{key!r} of flush")
        if key in seen[flush].usage_rollups:
            held.usage_rollups[key] = seen[flush].usage_rollups[key]
    report = audited(cut_of(seen[-1], log, progress=seen[at].progress, usage=usage_of(held)), log)
    assert found(report) == []


@given(logs(), CUTS, st.integers(0, 30))
def test_workers_that_wrote_none_came_first(log: list[Entry], flushes: list[int], upgraded: int) -> None:
    """From their own beginning on they are compared, exactly."""
    topics, partition = Topics(), ledger(retention=KEEPING)
    applied(partition, log[:upgraded])
    topics.commit(partition.take_changes(T0))
    before = sum(record.events for record in map(msgspec.json.Decoder(_Events).decode, topics.usage_rollups.values()))
    topics.usage_rollups.clear()
    partition = topics.restored(policy(), KEEPING)
    for batch in runs_of(log, [*flushes, upgraded]):
        applied(partition, log[batch.start : batch.stop])
        topics.commit(partition.take_changes(T0))
    report = audited(cut_of(topics, log), log)
    assert found(report) == []
    assert report.usage_settled[0] == report.counted[0] - before
    assert report.usage_compared is bool(topics.usage_rollups)


class _Events(msgspec.Struct):
    events: int


def test_there_are_none_yet(topics: Topics) -> None:
    report = audited(cut_of(topics, LOG, usage=HeldUsage()), LOG)
    assert (found(report), report.usage_compared) == ([], False)


@pytest.mark.parametrize(
    ("row", "rows"),
    [
        pytest.param(1, [(Outcome.MISSING, AGENT, -1)], id="one quarter"),
        pytest.param(2, [(Outcome.MISSING, "acme/agent-8 (usage rollups)", -1)], id="one agent"),
    ],
)
def test_a_record_that_is_gone_is_missing(topics: Topics, row: int, rows: Found) -> None:
    held = usage_of(topics)
    records = [record for index, record in enumerate(held.records) if index != row]
    assert found(audited(cut_of(topics, LOG, usage=held._replace(records=records)), LOG)) == rows


def test_what_stands_under_two_keys_is_doubled(topics: Topics) -> None:
    """As if a worker had taken up a row again that was written already."""
    key = next(iter(topics.usage_rollups))
    other = key.replace(b"[2,0,", b"[2,1,")
    topics.usage_rollups[other] = topics.usage_rollups[key].replace(b'"since_offset":0', b'"since_offset":1')
    assert found(audited(cut_of(topics, LOG), LOG)) == [(Outcome.DOUBLED, AGENT, 2)]


@pytest.mark.parametrize(
    ("change", "outcome", "events"),
    [
        pytest.param({"events": 1}, Outcome.MISSING, -1, id="less"),
        pytest.param({"events": 3}, Outcome.DOUBLED, 1, id="more"),
        pytest.param({"input_tokens": 20_001}, Outcome.ALTERED, 0, id="other tokens"),
        pytest.param({"cost_usd": "0.06", "input_cost_usd": "0.06"}, Outcome.WRONG_AMOUNT, 0, id="another amount"),
        pytest.param({"cache_savings_usd": "1"}, Outcome.WRONG_AMOUNT, 0, id="other savings"),
    ],
)
def test_what_was_changed_is_named(topics: Topics, change: dict[str, object], outcome: Outcome, events: int) -> None:
    held = changed(usage_of(topics), lambda fields: fields.update(change))
    assert found(audited(cut_of(topics, LOG, usage=held), LOG)) == [(outcome, AGENT, events)]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param({"team_id": "other"}, "its key", id="another team than its key"),
        pytest.param({"reasoning_cost_usd": "1"}, "sum of its parts", id="parts do not sum to the cost"),
        pytest.param({"last_offset": -1}, "cannot be", id="ends before it begins"),
    ],
)
def test_what_contradicts_itself_is_named(topics: Topics, change: dict[str, object], told: str) -> None:
    held = changed(usage_of(topics), lambda fields: fields.update(change))
    report = audited(cut_of(topics, LOG, usage=held), LOG)
    (row,) = report.findings.rows[Outcome.CONTRADICTORY]
    assert told in row.detail


def test_a_record_of_another_partition_is_named(topics: Topics) -> None:
    held = usage_of(topics)
    foreign = [
        (key.replace(b"[2,", b"[1,"), value.replace(b'partition":2', b'partition":1')) for key, value in held.records
    ]
    report = audited(cut_of(topics, LOG, usage=held._replace(records=foreign)), LOG)
    assert report.findings.counts == {Outcome.CONTRADICTORY: 3}


@pytest.mark.parametrize("record", [(b"[]", b"{}"), (b"\xff", b"\xff")], ids=["another shape", "no text"])
def test_what_cannot_be_read_is_named_and_no_sum_is_judged(topics: Topics, record: tuple[bytes, bytes]) -> None:
    held = usage_of(topics)
    report = audited(cut_of(topics, LOG, usage=held._replace(records=[*held.records[1:], record])), LOG)
    assert (set(report.findings.counts), report.usage_compared) == ({Outcome.UNREADABLE}, False)
    assert place_of(record[0]) is None


def test_events_above_the_progress_would_count_again(topics: Topics) -> None:
    held = changed(usage_of(topics), lambda fields: fields.update(last_offset=4))
    rows = found(audited(cut_of(topics, LOG, usage=held), LOG))
    assert rows == [(Outcome.AHEAD, AGENT, 0)]


@pytest.mark.parametrize(
    ("events", "rows"),
    [
        pytest.param(2, [], id="up to the progress"),
        pytest.param(3, [], id="and more"),
        pytest.param(1, [(Outcome.MISSING, AGENT, -1)], id="less"),
    ],
)
def test_what_moves_holds_at_least_what_lies_below_the_progress(topics: Topics, events: int, rows: Found) -> None:
    assert topics.progress is not None
    log = [*LOG, Entry(4, usage(event_id="e", occurred_at=QUARTER + 2))]
    after = msgspec.structs.replace(topics.progress, next_offset=5)
    held = changed(usage_of(topics), lambda fields: fields.update(last_offset=4, events=events))
    report = audited(cut_of(topics, log, usage=held, progress_after=after), log)
    assert found(report) == rows
    assert (report.usage_settled[0], report.usage_moving[0]) == (2, events)


class TestWhatIsGone:
    """Quarters of which something may be gone are left out."""

    def without_the_first(self, oldest_ms: int) -> Beginning:
        """The log has lost its first event."""
        return Beginning.of_log(1, oldest_ms, 0)

    @pytest.mark.parametrize(
        ("oldest_ms", "events"),
        [
            pytest.param(QUARTER + QUARTER_MS - MARGIN_MS, 2, id="just before the quarter"),
            pytest.param(QUARTER + QUARTER_MS - MARGIN_MS + 1, 1, id="perhaps within it"),
        ],
    )
    def test_the_log_has_lost_its_beginning(self, topics: Topics, oldest_ms: int, events: int) -> None:
        report = audited(cut_of(topics, LOG), LOG, beginning=self.without_the_first(oldest_ms))
        assert (found(report), report.usage_settled[0]) == ([], events)

    @pytest.mark.parametrize(
        ("oldest_ms", "events"),
        [
            pytest.param(QUARTER + QUARTER_MS - MARGIN_MS - 300_000, 2, id="just before the quarter"),
            pytest.param(QUARTER + QUARTER_MS - MARGIN_MS - 300_000 + 1, 1, id="perhaps within it"),
            pytest.param(None, 0, id="all of it"),
        ],
    )
    def test_the_rollups_have_lost_theirs(self, topics: Topics, oldest_ms: int | None, events: int) -> None:
        held = usage_of(topics, first_offset=1, oldest_ms=oldest_ms)
        held = held._replace(records=held.records[1:])
        report = audited(cut_of(topics, LOG, usage=held), LOG)
        assert (found(report), report.usage_settled[0], report.usage_compared) == ([], events, events > 0)

    @pytest.mark.parametrize(
        ("scope", "events"),
        [
            pytest.param(Scope(QUARTER, QUARTER + QUARTER_MS), 2, id="exactly a quarter"),
            pytest.param(Scope(QUARTER + 1, None), 2, id="not the one that it begins in"),
            pytest.param(Scope(None, QUARTER + 2 * QUARTER_MS - 1), 2, id="not the one that it ends in"),
        ],
    )
    def test_a_range_chooses_quarters_that_lie_in_it(self, topics: Topics, scope: Scope, events: int) -> None:
        report = audited(cut_of(topics, LOG), LOG, scope=scope)
        assert (found(report), report.usage_settled[0]) == ([], events)

    def test_the_log_lacks_its_end(self, topics: Topics) -> None:
        report = audited(cut_of(topics, LOG), LOG[:-1])
        assert (set(report.findings.counts), report.usage_compared) == ({Outcome.LOG_CUT}, False)


class TestOwners:
    """Whose a row is: the event's own agent; rows of before have the session's first."""

    SHARED: Final = entries(
        usage(event_id="a"),
        usage(event_id="b", agent_id="agent-8"),
        usage(event_id="c", session_id="s-2", agent_id="agent-8"),
    )

    def moved(self, topics: Topics, *, events: int) -> HeldUsage:
        """What one agent used stands with another one, as it did while sessions had one agent."""
        records = [
            (key.replace(b"agent-8", b"agent-9"), value.replace(b"agent-8", b"agent-9"))
            for key, value in usage_of(topics).records
        ]
        return changed(usage_of(topics)._replace(records=records), lambda fields: fields.update(events=events), 1)

    def test_events_count_for_their_own_agent(self) -> None:
        topics = worked(self.SHARED)[-1]
        assert found(audited(cut_of(topics, self.SHARED), self.SHARED)) == []

    def test_where_events_name_several_totals_decide(self) -> None:
        topics = worked(self.SHARED)[-1]
        assert found(audited(cut_of(topics, self.SHARED, usage=self.moved(topics, events=2)), self.SHARED)) == []
        report = audited(cut_of(topics, self.SHARED, usage=self.moved(topics, events=3)), self.SHARED)
        assert found(report) == [(Outcome.DOUBLED, "all agents (usage rollups)", 1)]

    def test_where_none_does_agents_decide(self) -> None:
        log = [self.SHARED[0], self.SHARED[2]]
        topics = worked(log)[-1]
        assert found(audited(cut_of(topics, log, usage=self.moved(topics, events=1)), log)) == [
            (Outcome.DOUBLED, "acme/agent-9 (usage rollups)", 1),
            (Outcome.MISSING, "acme/agent-8 (usage rollups)", -1),
        ]
