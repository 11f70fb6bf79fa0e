"""Closed rollups must hold what the log holds and no ledger does: s-1 ended long ago, s-2 began anew."""

from typing import Final

import msgspec
import pytest

from burnline.ledger import rollup
from burnline.ledger.audit.cut import Beginning
from burnline.ledger.audit.outcome import Outcome
from burnline.ledger.audit.report import PartitionReport
from burnline.ledger.bounds import MAX_CLOSED_MODELS, OTHER
from burnline.ledger.idle import HOUR_MS
from tests.ledger.audit.examples import KNOWING, applied, audited, cut_of, entries, found
from tests.ledger.examples import T0, Topics, ledger, named, usage
from tests.ledger.logs import Entry

LATER: Final = T0 + 20 * HOUR_MS
LOG: Final = entries(
    usage(event_id="a"),
    usage(event_id="b", session_id="s-2"),
    usage(event_id="c", session_id="s-2", occurred_at=LATER),
    usage(event_id="d", session_id="s-3", occurred_at=LATER),
)
AGENT = "acme/agent-7 (retired)"


def worked(*, losing: int | None = None) -> Topics:
    """The log worked off with a day's pause in it, in which sessions were retired; one event may get lost."""
    topics, partition = Topics(), ledger(retention=KNOWING)
    log = [entry._replace(event=None) if entry.offset == losing else entry for entry in LOG]
    applied(partition, log[:2])
    topics.commit(partition.take_changes(T0))
    partition.tick(LATER)
    topics.commit(partition.take_changes(LATER))
    applied(partition, log[2:], LATER)
    topics.commit(partition.take_changes(LATER))
    return topics


def report_on(topics: Topics, log: list[Entry] = LOG, **changes: object) -> PartitionReport:
    return audited(cut_of(topics, log, **changes), log, retention=KNOWING)


def test_rollups_hold_what_ledgers_do_not() -> None:
    topics = worked()
    assert sorted(topics.sessions) == [named("s-2"), named("s-3")]
    report = report_on(topics)
    assert (found(report), dict(report.sessions)) == ([], {Outcome.RETIRED: 2, Outcome.AGREES: 1})
    assert report.recomputed == report.counted
    assert report.counted[0] == 4


@pytest.mark.parametrize(("losing", "rows"), [(None, []), (0, [(Outcome.MISSING, "acme/other (retired)", -1)])])
def test_agents_that_share_a_rollup_are_compared_together(
    monkeypatch: pytest.MonkeyPatch, losing: int | None, rows: list[tuple[Outcome, str, int]]
) -> None:
    monkeypatch.setattr(rollup, "MAX_CLOSED_AGENTS", 0)
    topics = worked(losing=losing)
    assert {rollup.decode(value).agent_id for value in topics.rollups.values()} == {OTHER}
    assert found(report_on(topics)) == rows


def test_an_event_lost_before_is_missing_from_the_rollup() -> None:
    report = report_on(worked(losing=0))
    assert found(report) == [(Outcome.MISSING, AGENT, -1)]
    (row,) = report.findings.rows[Outcome.MISSING]
    assert row.detail.startswith("events of gpt-4o -1, input_tokens of gpt-4o -10000, ")
    assert row.detail.endswith("; of sessions: s-1, s-2")


def test_an_event_lost_since_is_missing_from_the_session() -> None:
    """It was its last one, and only beginnings are retired."""
    topics, log = worked(), [*LOG, Entry(4, usage(event_id="e", session_id="s-2", occurred_at=LATER))]
    assert topics.progress is not None
    topics.progress = msgspec.structs.replace(topics.progress, next_offset=5)
    assert (Outcome.MISSING, "s-2", -2) in found(report_on(topics, log))


def test_a_young_session_cannot_be_retired() -> None:
    topics = worked()
    del topics.sessions[named("s-3")]
    assert found(report_on(topics)) == [(Outcome.MISSING, "s-3", -1)]


@pytest.mark.parametrize(
    ("count", "outcome", "events"),
    [(b"3", Outcome.DOUBLED, 1), (b"1", Outcome.MISSING, -1)],
    ids=["too much", "too little"],
)
def test_a_rollup_that_holds_something_else(count: bytes, outcome: Outcome, events: int) -> None:
    topics = worked()
    (key,) = topics.rollups
    topics.rollups[key] = topics.rollups[key].replace(b'"events":2', b'"events":' + count)
    assert found(report_on(topics)) == [(outcome, AGENT, events)]


def test_a_rollup_of_nothing_in_the_log_is_doubled() -> None:
    topics = worked()
    (key,) = topics.rollups
    topics.rollups[b"another"] = topics.rollups[key].replace(b"acme", b"initech")
    assert found(report_on(topics)) == [(Outcome.DOUBLED, "initech/agent-7 (retired)", 2)]


def test_an_unreadable_rollup_is_told_and_retired_sessions_are_not_checkable() -> None:
    report = report_on(worked(), rollups=[b"{}"])
    assert found(report) == [(Outcome.UNREADABLE, "a closed rollup", 0)]
    assert dict(report.sessions) == {Outcome.AGREES: 1, Outcome.NOT_CHECKABLE: 2}


def test_while_sessions_are_being_retired_they_are_not_checkable() -> None:
    report = report_on(worked(), rollups=None)
    assert (found(report), report.rollups_compared) == ([], False)
    assert dict(report.sessions) == {Outcome.AGREES: 1, Outcome.NOT_CHECKABLE: 2}


def test_with_the_beginning_gone_rollups_must_hold_what_is_left() -> None:
    beginning = Beginning.of_log(1, T0, 0)
    report = audited(cut_of(worked(), LOG), LOG, retention=KNOWING, beginning=beginning)
    assert (found(report), dict(report.sessions)) == ([], {Outcome.NOT_CHECKABLE: 1, Outcome.AGREES: 1})
    topics = worked()
    topics.rollups = {key: value.replace(b'"events":2', b'"events":0') for key, value in topics.rollups.items()}
    report = audited(cut_of(topics, LOG), LOG, retention=KNOWING, beginning=beginning)
    assert found(report) == [(Outcome.MISSING, AGENT, -1)]


def test_what_stands_under_other_is_compared_as_one() -> None:
    """More models than a ledger or a closed rollup tells apart, with a retirement between."""
    names = [f"m-{number}" for number in range(MAX_CLOSED_MODELS + 20)]
    first = [usage(event_id=model, session_id=f"s-{number % 3}", model=model) for number, model in enumerate(names)]
    again = [
        usage(event_id=f"{model}+", session_id="s-1", model=model, occurred_at=LATER) for model in reversed(names[:110])
    ]
    log = entries(*first, *again)
    topics, partition = Topics(), ledger(retention=KNOWING)
    applied(partition, log[: len(first)])
    topics.commit(partition.take_changes(T0))
    partition.tick(LATER)
    topics.commit(partition.take_changes(LATER))
    applied(partition, log[len(first) :], LATER)
    topics.commit(partition.take_changes(LATER))
    report = report_on(topics, log)
    assert found(report) == []
    assert report.counted == report.recomputed
    assert report.counted[0] == len(log)
    topics.rollups = {key: value.replace(b'"events":1,', b'"events":2,', 1) for key, value in topics.rollups.items()}
    assert [row[0] for row in found(report_on(topics, log))] == [Outcome.DOUBLED]
