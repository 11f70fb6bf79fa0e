"""After `burnline adopt` and `burnline recount`: what was before is told apart, and nothing differs that does not."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from burnline.ledger.audit.cut import MARGIN_MS, Cut
from burnline.ledger.audit.outcome import Outcome
from burnline.ledger.continuity import Log, TopicFacts
from burnline.ledger.partition import PartitionLedger
from burnline.ledger.progress import Progress
from burnline.ledger.renewal import Standing, adopted, recounted
from burnline.ledger.usage_record import parse
from tests.ledger.audit.examples import KEEPING, LOG, applied, audited, cut_of, entries, found, letters, usage_of
from tests.ledger.examples import PARTITION, T0, TOPIC, Topics, ledger, policy, usage

SESSIONS, LETTERS = "sessions", "dead-letters"
SINCE = T0 + 2 * MARGIN_MS
"""Sessions from then on began after the other topic was adopted, for sure."""
NEW_LOG = entries(
    usage(event_id="new"),
    usage(event_id="other", session_id="s-9", occurred_at=SINCE),
    None,
    usage(event_id="last", session_id="s-9", occurred_at=SINCE + 1),
)


def before() -> tuple[Topics, PartitionLedger]:
    """A log was counted: two sessions, three events."""
    topics, partition = Topics(), ledger(retention=KEEPING)
    applied(partition, LOG)
    topics.commit(partition.take_changes(T0))
    return topics, partition


WHOLE = Log(0, 4)


def adopting(topics: Topics, log: Log = WHOLE) -> Progress:
    standing = Standing(TOPIC, PARTITION, topics.progress, 3, (), log, {TOPIC: TopicFacts("new", 1)}, (), ends())
    assert standing.progress is not None
    lineage = replace(standing.progress.lineage, source_topic_id="old", events=3)  # type: ignore[type-var]  # it has one
    standing = standing._replace(progress=replace(standing.progress, lineage=lineage))
    progress = adopted(standing, at_end=log.first == log.end, now_ms=T0).progress
    assert progress is not None
    return progress


def ends() -> dict[str, int]:
    return {SESSIONS: 2, LETTERS: 1}


def went_on(topics: Topics, progress: Progress, log: Any) -> Topics:
    topics.progress = progress
    partition = topics.restored(policy(), KEEPING)
    applied(partition, [entry for entry in log if entry.offset >= progress.next_offset])
    topics.commit(partition.take_changes(T0))
    return topics


def cut(topics: Topics, **changes: Any) -> Cut:
    assert topics.progress is not None
    assert topics.progress.lineage is not None
    base = topics.progress.lineage.offset_base
    of_now = [(key, value) for key, value in topics.usage_rollups.items() if parse(value).since_offset >= base]
    since = min((parse(value).since_offset for _, value in of_now), default=None)
    held = usage_of(topics, records=of_now, since_offset=since, offset_base=base)
    return cut_of(topics, NEW_LOG, usage=held, **changes)


def test_adopted_at_the_start() -> None:
    topics, _ = before()
    went_on(topics, adopting(topics), NEW_LOG)
    report = audited(cut(topics), NEW_LOG)
    assert found(report) == []
    assert report.sessions == {Outcome.AGREES: 1, Outcome.NOT_CHECKABLE: 2}
    assert report.begun is not None
    assert (report.begun.adopted, report.begun.kept_events, report.begun.from_offset) == (True, 3, 0)
    assert report.usage_compared


def test_what_is_missing_since_is_found() -> None:
    topics, _ = before()
    went_on(topics, adopting(topics), NEW_LOG[:-1])
    assert topics.progress is not None
    topics.progress = replace(topics.progress, next_offset=4)
    report = audited(cut(topics), NEW_LOG)
    assert (Outcome.MISSING, "s-9", -1) in found(report)


def test_adopted_at_the_end_what_stands_before_is_passed_over() -> None:
    topics, _ = before()
    progress = adopting(topics, Log(2, 2))
    went_on(topics, progress, NEW_LOG)
    report = audited(cut(topics), [entry for entry in NEW_LOG if entry.offset >= progress.next_offset])
    assert found(report) == []
    assert report.begun is not None
    assert report.begun.from_offset == 2


def nothing_since(topics: Topics) -> PartitionLedger:
    """A worker of the topic of now, which is empty as yet."""
    topics.progress = adopting(topics, Log(0, 0))
    assert topics.progress.next_offset == 0
    return topics.restored(policy(), KEEPING)


def test_a_ledger_of_before_is_not_ahead_of_the_progress_of_now() -> None:
    """Its offset is one of the former topic, where counting had come further."""
    topics, _ = before()
    topics.commit(nothing_since(topics).take_changes(T0))
    assert found(audited(cut(topics, letters=letters()), [])) == []


def test_a_ledger_of_before_that_the_clock_has_written_since_is_not_ahead() -> None:
    """Its anomaly ended with the time: the record is new, its offset still one of the former topic."""
    topics, partition = Topics(), ledger(retention=KEEPING)
    applied(partition, entries(*(usage(event_id=f"e-{number}", output_tokens=10**8) for number in range(3))))
    assert partition.open_anomalies == 1
    topics.commit(partition.take_changes(T0))
    partition = nothing_since(topics)
    written = dict(topics.sessions)
    partition.tick(0)
    partition.tick(86_400_000)
    assert partition.open_anomalies == 0
    topics.commit(partition.take_changes(T0))
    assert topics.sessions.keys() == written.keys()
    assert topics.sessions != written
    assert found(audited(cut(topics, letters=letters()), [])) == []


def test_a_ledger_that_is_ahead_of_the_progress_of_now_is_found() -> None:
    topics, _ = before()
    went_on(topics, adopting(topics), NEW_LOG)
    assert topics.progress is not None
    topics.progress = replace(topics.progress, next_offset=1)
    assert Outcome.AHEAD in {outcome for outcome, _, _ in found(audited(cut(topics), NEW_LOG[:1]))}


def test_a_ledger_written_since_by_a_version_that_left_former_topics_out_is_right() -> None:
    topics, _ = before()
    went_on(topics, adopting(topics), NEW_LOG)
    assert topics.progress is not None
    assert topics.progress.lineage is not None
    (name,) = (name for name in topics.sessions if '"s-9"' in name)
    fields = json.loads(topics.sessions[name])
    fields["last_offset"] -= topics.progress.lineage.offset_base
    assert fields["last_offset"] == NEW_LOG[-1].offset
    topics.sessions[name] = json.dumps(fields).encode()
    assert found(audited(cut(topics), NEW_LOG)) == []


def test_counted_anew_from_a_whole_log_is_exact() -> None:
    topics, _ = before()
    standing = Standing(TOPIC, PARTITION, topics.progress, 3, (), Log(0, 5), {TOPIC: TopicFacts("u", 1)}, (), ends())
    progress = recounted(standing, T0).progress
    assert progress is not None
    fresh = went_on(Topics(), progress, LOG)
    report = audited(cut_of(fresh, LOG), LOG)
    assert (found(report), report.whole) == ([], True)
    assert report.sessions == {Outcome.AGREES: 2}
    assert report.begun is not None
    assert (report.begun.adopted, report.begun.kept_events, report.begun.offsets) == (False, 0, {**ends(), TOPIC: 0})


@pytest.mark.parametrize("lineage", [None], ids=["a progress of before"])
def test_from_the_very_beginning(lineage: None) -> None:
    topics, _ = before()
    assert topics.progress is not None
    topics.progress = replace(topics.progress, lineage=lineage)
    assert audited(cut_of(topics, LOG), LOG).begun is None
