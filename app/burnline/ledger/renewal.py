"""How counting goes on where topics do not fit any more: what becomes of a partition's records, decided purely.

`adopted` keeps the sums and accepts the topics as they are now; `recounted` begins anew from the source log's start.
Both come to one progress record, and what has to be deleted with it in the same transaction.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from burnline.ledger.continuity import Log, TopicFacts
from burnline.ledger.lineage import Lineage
from burnline.ledger.progress import VERSION, Progress

Key = tuple[str, bytes]
"""Topic and key of a record."""


class Standing(NamedTuple):
    """What stands on the topics about one partition.

    Attributes:
        source: Name of the source topic.
        partition: Of it.
        progress: The newest one, if there is any.
        events: In ledgers and closed rollups.
        keys: Of all records that are state, the progress not among them.
        log: Offsets of the source partition.
        found: Topics by name.
        state_topics: Names of those that are written with the progress and must not be lost.
        ends: Where their partitions end, and those of other topics that are written, by name.
        regrown: Whether the log has lost its end and grown past what was counted.
    """

    source: str
    partition: int
    progress: Progress | None
    events: int
    keys: Sequence[Key]
    log: Log
    found: Mapping[str, TopicFacts]
    state_topics: Sequence[str]
    ends: Mapping[str, int] = {}
    regrown: bool = False


class Renewal(NamedTuple):
    """What to write for a partition.

    Attributes:
        progress: The new record; None where nothing has to change.
        deleted: What to delete with it.
        told: What that means, a sentence.
        loses: What is lost by it, a sentence without an end; None if nothing is.
    """

    progress: Progress | None
    deleted: Sequence[Key]
    told: str
    loses: str | None


def recounted(standing: Standing, now_ms: int) -> Renewal:
    """Count a partition anew from the start of its log into fresh state. Twice comes to the same."""
    first = standing.log.first
    begun_from = {**standing.ends, standing.source: first}
    lineage = _lineage(standing, Lineage(lost_events=first, begun_at_ms=now_ms, begun_from=begun_from))
    progress = Progress(VERSION, standing.source, standing.partition, first, 0, now_ms, lineage=lineage)
    loses = f"the log begins at offset {first}: what came before is counted now and would not be any more"
    return Renewal(
        progress,
        standing.keys,
        f"partition {standing.partition}: {standing.events} events are forgotten and counted anew, from offset {first} "
        f"of {standing.log.end}",
        loses if first and standing.events else None,
    )


def adopted(standing: Standing, *, at_end: bool, now_ms: int) -> Renewal:
    """Keep a partition's sums and go on with the topics as they are now.

    Args:
        standing: What stands there.
        at_end: Whether to go on at the end of another source topic and not at its start.
        now_ms: Wall clock.
    """
    before, partition = standing.progress, standing.partition
    if before is None:
        told = f"partition {partition} has no progress to go on from"
        loses = f"{standing.events} events are counted, and nobody knows up to where" if standing.events else None
        return Renewal(None, (), told, loses)
    known = before.lineage or Lineage(events=standing.events)
    kept = _lineage(standing, replace(known, events=standing.events, lost_events=0))
    loses = None
    if known.events != standing.events:
        loses = f"the ledgers hold {standing.events} events, {known.events} were counted"
    other = known.source_topic_id and known.source_topic_id != standing.found[standing.source].topic_id
    lost_end = standing.regrown or standing.log.end < before.next_offset
    if other or before.source_topic != standing.source or lost_end:
        offset = standing.log.end if at_end else standing.log.first
        base = known.offset_base + before.next_offset
        kept = replace(
            kept,
            offset_base=base,
            begun_at_ms=now_ms,
            begun_from={**standing.ends, standing.source: offset},
            kept_events=standing.events,
        )
        before = replace(before, old_ids_until_offset=None, catalogues=())
        told = f"partition {partition}: goes on at offset {offset} of the topic of now, {standing.events} events kept"
    elif kept == known:
        return Renewal(None, (), f"partition {partition}: fits as it is", None)
    else:
        offset = before.next_offset
        told = f"partition {partition}: goes on at offset {offset}, {standing.events} events kept"
        if known.lost_events:
            told += f"; {known.lost_events} lost ones are acknowledged"
    going_on = replace(before, source_topic=standing.source, next_offset=offset, written_at_ms=now_ms, lineage=kept)
    return Renewal(going_on, (), told, loses)


def _lineage(standing: Standing, lineage: Lineage) -> Lineage:
    found = standing.found
    ids = {topic: found[topic].topic_id for topic in standing.state_topics if found[topic].topic_id}
    return replace(lineage, source_topic_id=found[standing.source].topic_id, state_topic_ids=ids)
