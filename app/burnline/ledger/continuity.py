"""Whether what stands on the topics fits together: decided from what they say about themselves, before anything counts.

A `Misfit` is refused by whoever reads: the partition stands still, named, until somebody decides how to go on. A gap is
none: events that retention removed before they were read are lost, which is a number, and counting goes on behind it.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from burnline.ledger.lineage import Lineage
from burnline.ledger.progress import Progress

ADOPT_OR_RECOUNT = (
    "burnline adopt goes on from its start with the sums kept, burnline recount counts it anew into fresh state"
)
RECOUNT = "burnline recount counts usage anew into fresh state"
RESTORE_OR = "bring back what it held, or "


class TopicFacts(NamedTuple):
    """What brokers say about a topic.

    Attributes:
        topic_id: Unlike that of any other topic, also of one with the same name; empty where brokers say none.
        partitions: How many it has.
    """

    topic_id: str
    partitions: int


class Log(NamedTuple):
    """The source partition's offsets: of the first record that is left, and behind the last one."""

    first: int
    end: int


class State(NamedTuple):
    """What was restored of a partition beside its progress."""

    events: int
    """In ledgers and closed rollups."""
    other_records: Mapping[str, int] = {}
    """Records on the topics that hold no ledgers, by topic name."""


class Misfit(NamedTuple):
    """Something that does not fit.

    Attributes:
        topic: What is wrong.
        reason: A sentence without an end.
        cure: What to do, likewise.
    """

    topic: str
    reason: str
    cure: str

    def __str__(self) -> str:
        return f"{self.reason}; {self.cure}"


def of_partitions(source: str, found: Mapping[str, TopicFacts], partition: int) -> Misfit | None:
    """That a partition of the source topic has no place on a topic that is written with it.

    Args:
        source: Name of the source topic, which is among those found.
        found: All topics by name, without those that do not exist.
        partition: Which one is to be counted.
    """
    have = found[source].partitions
    for topic, facts in found.items():
        if facts.partitions <= partition:
            return Misfit(
                topic,
                f"topic {source} has {have} partitions, topic {topic} has {facts.partitions}: there is no partition "
                f"{partition} to write to",
                grow(have),
            )
    return None


def of_growth(source: str, partitions: int, wanted: int) -> Misfit | None:
    """That the source topic has more partitions than are read."""
    if partitions <= wanted:
        return None
    unread = f"{wanted}" if partitions == wanted + 1 else f"{wanted} to {partitions - 1}"
    return Misfit(
        source,
        f"topic {source} has {partitions} partitions, BURNLINE_PARTITIONS is {wanted}: nothing reads {unread}",
        grow(partitions),
    )


def grow(partitions: int) -> str:
    """How to follow a source topic that has grown."""
    return (
        f"grow the topics that are written with it to {partitions} partitions, set BURNLINE_PARTITIONS={partitions} "
        "everywhere, and start the workers again"
    )


def of_topics(source: str, lineage: Lineage, found: Mapping[str, TopicFacts]) -> Misfit | None:
    """That a topic is not the one that the counts belong to.

    Args:
        source: Name of the source topic.
        lineage: What the counts belong to.
        found: Topics by name, without those that do not exist.
    """
    if source not in found:
        return Misfit(source, f"topic {source} does not exist any more", RESTORE_OR + "make it anew and adopt it")
    if (other := _other(source, lineage.source_topic_id, found)) is not None:
        return Misfit(source, f"{other}, and its offsets are other events", ADOPT_OR_RECOUNT)
    for topic, topic_id in lineage.state_topic_ids.items():
        if topic not in found:
            return Misfit(topic, f"topic {topic} does not exist any more", RESTORE_OR + RECOUNT)
        if (other := _other(topic, topic_id, found)) is not None:
            return Misfit(topic, f"{other}, and what it held is lost", RESTORE_OR + RECOUNT)
    return None


def _other(topic: str, known: str, found: Mapping[str, TopicFacts]) -> str | None:
    now = found[topic].topic_id
    if not known or not now or known == now:
        return None
    return f"topic {topic} was made anew: its id is {now}, counted was with {known}"


def of_log(source: str, progress: Progress, log: Log) -> Misfit | None:
    """That the source partition ends before what was counted of it."""
    if log.end >= progress.next_offset:
        return None
    return Misfit(
        source,
        f"partition {progress.source_partition} of topic {source} ends at offset {log.end}, counted is everything "
        f"below {progress.next_offset}: it was made anew, or has lost its end",
        ADOPT_OR_RECOUNT,
    )


def of_last(source: str, progress: Progress, taken_ms: int | None) -> Misfit | None:
    """That another record stands where the newest one stood that was counted.

    Offsets and the topic's id say nothing of a log that lost its end and has grown past it since, when it elected a
    leader without it. When the log took the record does: no two records share that and their offset.

    Args:
        source: Name of the source topic.
        progress: Up to where it was counted.
        taken_ms: When the log took the record before `next_offset`; None where no record or no such time is left.
    """
    if taken_ms is None or taken_ms == progress.appended_at_ms or not _says_when_last(source, progress):
        return None
    return Misfit(
        source,
        f"partition {progress.source_partition} of topic {source} has another record at offset "
        f"{progress.next_offset - 1}: taken at {taken_ms} ms, counted was one of {progress.appended_at_ms} ms: the log "
        "has lost its end and grown again",
        ADOPT_OR_RECOUNT,
    )


def _says_when_last(source: str, progress: Progress) -> bool:
    """Whether a progress says when the record before it was taken, and that record is of this source topic."""
    lineage = progress.lineage
    # Event time stands in for it in a progress of before it was kept, and where events are judged by their own time.
    if progress.appended_at_ms in (0, progress.watermark_ms) or lineage is None:
        return False
    if not lineage.begun_at_ms:
        return True
    return lineage.begun_from.get(source, progress.next_offset) < progress.next_offset


def of_source(source: str, progress: Progress) -> Misfit | None:
    """That the progress is of another topic, by its name."""
    if progress.source_topic == source:
        return None
    told = f"the progress is of topic {progress.source_topic}, not of {source}"
    return Misfit(source, told, ADOPT_OR_RECOUNT)


def of_state(progress_topic: str, progress: Progress | None, state: State, ledger_topics: str) -> Misfit | None:
    """That the ledgers are not those that the progress was written with.

    Args:
        progress_topic: Name of the topic.
        progress: The newest one; None if there is none.
        state: What was restored.
        ledger_topics: Names of the topics with ledgers and closed rollups, for the sentence.
    """
    if progress is None:
        held = f"{ledger_topics} hold {state.events} events" if state.events else ""
        for topic, records in state.other_records.items():
            held = held or (f"topic {topic} holds records" if records else "")
        if not held:
            return None
        told = f"topic {progress_topic} has no record of the partition, though {held}: they would count again"
        return Misfit(progress_topic, told, RESTORE_OR + RECOUNT)
    if progress.lineage is None or progress.lineage.events == state.events:
        return None
    told = f"{ledger_topics} hold {state.events} events, the progress was written with {progress.lineage.events}"
    return Misfit(ledger_topics, f"{told}: records were lost, or are of another time", RESTORE_OR + RECOUNT)


def renewed(
    lineage: Lineage, source: str, state_topics: Iterable[str], found: Mapping[str, TopicFacts], events: int
) -> Lineage:
    """The lineage to count on with: what is not known yet, as in an older record, is filled in.

    Args:
        lineage: As it was restored.
        source: Name of the source topic.
        state_topics: Names of those that are written with the progress and must not be lost.
        found: All topics by name.
        events: In ledgers and closed rollups.
    """
    state = {topic: found[topic].topic_id for topic in state_topics if found[topic].topic_id}
    return replace(
        lineage,
        source_topic_id=lineage.source_topic_id or found[source].topic_id,
        state_topic_ids={**state, **lineage.state_topic_ids},
        events=events,
    )
