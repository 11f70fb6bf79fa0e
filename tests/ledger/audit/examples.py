"""Committed topics as an audit reads them, out of the logs and ledgers of this room's other tests."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from burnline.events.rejection import Fault, Reason
from burnline.events.usage import Usage
from burnline.ledger.audit.cut import Beginning, Cut, Judging, Scope
from burnline.ledger.audit.letters import DeadLetters
from burnline.ledger.audit.outcome import Outcome
from burnline.ledger.audit.partition import PartitionAudit
from burnline.ledger.audit.prices import Books, no_books
from burnline.ledger.audit.report import PartitionReport
from burnline.ledger.audit.usage_held import HeldUsage
from burnline.ledger.partition import PartitionLedger, Retention
from burnline.ledger.policy import Policy
from burnline.ledger.progress import Progress
from burnline.ledger.usage_record import parse
from tests.events.letters import dead_letter_headers
from tests.ledger.examples import PARTITION, RETENTION, T0, TOPIC, Topics, at_slice, ledger, policy, runs_of, usage
from tests.ledger.logs import Entry

BAD: Final = b'{"event_id": broken'
KEEPING: Final = RETENTION._replace(idle_ms=None)
"""Never retires."""
KNOWING: Final = RETENTION._replace(partition_ids=1_000)
"""Retires, and knows every event of the longest log: a repeat after retirement counts nowhere."""
WHOLE: Final = Beginning(0, 0)
EVERYTHING: Final = Scope()
MOST_ROWS: Final = 5

Found = list[tuple[Outcome, str, int]]
"""Outcome, subject and events of rows."""


def entries(*events: Usage | None) -> list[Entry]:
    """A log of these, from offset 0."""
    return [Entry(offset, event) for offset, event in enumerate(events)]


LOG: Final = entries(
    usage(event_id="a"),
    usage(event_id="b", session_id="s-2", org_id="initech", occurred_at=at_slice(1)),
    None,
    usage(event_id="c", occurred_at=at_slice(2), kind="run"),
    usage(event_id="c", occurred_at=at_slice(2), kind="run"),
)
"""Two events of s-1, the second one twice; one of s-2; one that is refused."""


def applied(partition: PartitionLedger, log: Sequence[Entry], now_ms: int = T0) -> None:
    """Apply a part of a log."""
    partition.apply([entry.offset for entry in log], [entry.event for entry in log], now_ms=now_ms)


def worked(log: Sequence[Entry], flushes: Sequence[range] | None = None, crashes: Iterable[int] = ()) -> list[Topics]:
    """The topics after each flush of a log; before some of the flushes are written another owner takes over."""
    topics, seen = Topics(), []
    partition = ledger(retention=KEEPING)
    for number, batch in enumerate([range(len(log))] if flushes is None else flushes):
        applied(partition, [log[index] for index in batch])
        if number in crashes:
            partition = topics.restored(policy(), KEEPING)
            applied(partition, [entry for entry in log[: batch.stop] if entry.offset >= partition.next_offset])
        topics.commit(partition.take_changes(T0))
        seen.append(copied(topics))
    return seen


def copied(topics: Topics) -> Topics:
    """As they are now."""
    copy = Topics()
    copy.sessions, copy.rollups, copy.progress = dict(topics.sessions), dict(topics.rollups), topics.progress
    copy.usage_rollups = dict(topics.usage_rollups)
    return copy


def wire(entry: Entry) -> bytes:
    """The record of an entry."""
    return BAD if entry.event is None else msgspec.json.encode(entry.event)


def letters(*offsets: int, reason: Reason = Reason.NOT_JSON, beginning_lost: bool = False) -> DeadLetters:
    """Dead letters of these source offsets."""
    found = DeadLetters(TOPIC, PARTITION, beginning_lost=beginning_lost)
    for offset in offsets:
        fault = Fault(reason, "", "told")
        headers = dead_letter_headers(fault, topic=TOPIC, partition=PARTITION, offset=offset, headers=[("own", b"x")])
        found.add(100 + len(found), headers)
    found.in_order()
    return found


def next_offset(progress: Progress | None) -> int:
    """Where it is."""
    return progress.next_offset if progress else 0


def cut_of(topics: Topics, log: Sequence[Entry], **changes: Any) -> Cut:
    """What stands on the topics after honest work on a log."""
    end = next_offset(topics.progress)
    whole = Cut(
        partition=PARTITION,
        progress=topics.progress,
        ledgers=dict(topics.sessions),
        rollups=list(topics.rollups.values()),
        letters=letters(*(entry.offset for entry in log if entry.event is None and entry.offset < end)),
        progress_after=topics.progress,
        taken_at_ms=topics.progress.written_at_ms if topics.progress else T0,
        usage=usage_of(topics),
    )
    return replace(whole, **changes)


def usage_of(topics: Topics, **changes: Any) -> HeldUsage:
    """The usage rollups as they are read."""
    records = list(topics.usage_rollups.items())
    whole = HeldUsage(records, min((parse(value).since_offset for _, value in records), default=None))
    return whole._replace(**changes)


def begun(
    cut: Cut, of: Policy, retention: Retention, scope: Scope, rated: Iterable[str], books: Books = no_books
) -> PartitionAudit:
    """An audit that has read nothing of the log yet."""
    judging = Judging(scope, frozenset(rated), 300_000, MOST_ROWS)
    return PartitionAudit(TOPIC, cut, of, retention, judging, books=books)


def audited(
    cut: Cut,
    log: Sequence[Entry],
    *,
    of: Policy | None = None,
    retention: Retention = KEEPING,
    scope: Scope = EVERYTHING,
    rated: Iterable[str] = (),
    beginning: Beginning = WHOLE,
    cuts: Iterable[int] = (),
    books: Books = no_books,
) -> PartitionReport:
    """The report on a cut, over the log as it is left from its beginning on."""
    audit = begun(cut, of or policy(), retention, scope, rated, books)
    left = [entry for entry in log if entry.offset >= beginning.offset]
    audit.begin(beginning)
    for batch in runs_of(left, cuts):
        audit.take([left[index].offset for index in batch], [wire(left[index]) for index in batch])
    return audit.finish(first_offset=beginning.offset, end_offset=log[-1].offset + 1 if log else 0)


def found(report: PartitionReport) -> Found:
    """What it has rows for."""
    rows = report.findings.rows
    return [(row.outcome, row.subject, row.events) for outcome in sorted(rows) for row in rows[outcome]]


def found_of_sessions(report: PartitionReport) -> Found:
    """The same without rows about usage rollups."""
    return [row for row in found(report) if "usage rollup" not in row[1]]
