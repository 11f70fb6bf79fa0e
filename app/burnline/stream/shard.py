"""One owned partition: its ledgers, what it has gathered for its next flush, and what that flush writes."""

import time
from typing import TYPE_CHECKING, NamedTuple

from burnline.detection.anomaly import cloudevent_headers, notice_key, notice_value
from burnline.events.dead_letters import dead_letter
from burnline.events.rejection import Reason, Rejection
from burnline.ledger.changes import Changes
from burnline.ledger.partition import PartitionLedger
from burnline.ledger.usage_record import NEXT_OFFSET
from burnline.stream.batches import Records
from burnline.stream.writer import TransactionalWriter
from burnline.stream.written import Outgoing
from burnline.topics.catalogue import USAGE_MAX_BYTES, Topics

if TYPE_CHECKING:
    import asyncio


class Shard:
    """One owned partition: its ledgers, its transactional producer, and what is not yet written beside the ledgers."""

    def __init__(self, ledger: PartitionLedger, writer: TransactionalWriter, progress: bytes | None) -> None:
        self.ledger = ledger
        self.writer = writer
        self.progress = progress
        """The progress record that stands on the topic."""
        self.durable_offset = ledger.next_offset - ledger.counts.lost  # a gap is written with the first flush
        self.unwritten = Unwritten([], [], [])
        self.unflushed = 0
        """Events applied since the last flush was gathered."""
        self.changed = 0
        """Ledgers changed since then."""
        self.gathered: Flush | None = None
        """What is being written, or was refused and waits to be written again: it is in no ledger any more."""
        self.flushing: asyncio.Task[None] | None = None
        self.flushing_since_s: float | None = None

    def take_unwritten(self) -> "Unwritten":
        """What has gathered since the last call."""
        taken, self.unwritten = self.unwritten, Unwritten([], [], [])
        return taken

    def bury(self, topics: Topics, records: Records, rejection: Rejection) -> None:
        """Gather the dead letter of a record that was not accepted."""
        index = rejection.index
        letter = dead_letter(
            rejection,
            topic=topics.usage.name,
            partition=self.ledger.partition,
            offset=records.offsets[index],
            key=records.key(index),
            value=records.value(index),
            headers=records.headers(index),
            most_bytes=USAGE_MAX_BYTES,
        )
        self.unwritten.dead_letters.append(Outgoing(topics.dead_letters.name, *letter))
        self.unwritten.reasons.append(rejection.reason)

    @property
    def stalled_s(self) -> float:
        """How long its flush has been under way; 0 between flushes."""
        since_s = self.flushing_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s


class Unwritten(NamedTuple):
    """What a flush writes or reports beside the ledgers' own changes."""

    dead_letters: list[Outgoing]
    reasons: list[Reason]
    appended_at_ms: list[int]
    """When the first record of each batch was written to the usage topic."""


class Flush(NamedTuple):
    """What is written of a shard in one transaction."""

    shard: Shard
    changes: Changes
    unwritten: Unwritten
    records: list[Outgoing]
    progress: bytes
    gathered_at_s: float
    """By the monotonic clock."""

    def write(self) -> None:
        """Write it. Blocks."""
        self.shard.writer.write(self.records, previous=self.shard.progress, progress=self.progress)

    def written(self) -> None:
        """What it changes about its shard."""
        self.shard.progress = self.progress
        self.shard.durable_offset = self.changes.progress.next_offset


def records_of(topics: Topics, changes: Changes, unwritten: Unwritten, progress: bytes) -> list[Outgoing]:
    """All records of a flush."""
    records = [Outgoing(topics.sessions.name, key, value, ()) for key, value in changes.ledgers]
    records += [Outgoing(topics.rollups.name, key, value, ()) for key, value in changes.rollups]
    records += [Outgoing(topics.usage_rollups.name, key, value, ()) for key, value in changes.usage_rollups]
    if changes.usage_rollups:
        records[-1] = records[-1]._replace(headers=[(NEXT_OFFSET, b"%d" % changes.progress.next_offset)])
    records += [Outgoing(topics.event_ids.name, key, value, ()) for key, value in changes.event_ids]
    records += [
        Outgoing(topics.anomalies.name, notice_key(notice), notice_value(notice), cloudevent_headers(notice))
        for notice in changes.notices
    ]
    records += unwritten.dead_letters
    records.append(Outgoing(topics.progress.name, changes.progress.key, progress, ()))
    return records
