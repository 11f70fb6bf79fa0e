"""The partitions that this worker owns: taken over, applied to, flushed and given up together."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from burnline.detection.anomaly import cloudevent_headers, notice_key, notice_value
from burnline.events.dead_letters import dead_letter_headers
from burnline.events.rejection import Reason, Rejection
from burnline.kafka import client_config
from burnline.ledger.changes import Changes
from burnline.ledger.partition import PartitionLedger, Retention
from burnline.ledger.policy import Policy
from burnline.metrics import WorkerMetrics
from burnline.native.ledger import KernelChoice
from burnline.settings import Settings
from burnline.stream.batches import RecordBatch, Records
from burnline.stream.clocks import Clocks
from burnline.stream.partitioning import likely_partitioner
from burnline.stream.polling import PolledReader, why_not_polled
from burnline.stream.reader import MakeReader, MessageReader
from burnline.stream.refusals import Refusals
from burnline.stream.restore import restore, stored_progress
from burnline.stream.writer import Outgoing, StillOpen, TransactionalWriter
from burnline.topics.catalogue import Topics
from burnline.topics.ends import open_topics
from burnline.topics.reading import is_aborted
from burnline.topics.refusal import Cause, Refusal

_log = logging.getLogger(__name__)

MAX_UNFLUSHED_EVENTS = 500_000
"""Events applied but not yet written, at most: what a worker may have to read again, and a bound on its memory."""

MAX_UNFLUSHED_LEDGERS = 50_000
"""Ledgers changed but not yet written, at most: a flush holds a record of a kilobyte or two for each."""

MANY_EVENTS = 100_000
"""So many are written as soon as there are no more to come, without waiting for the flush interval to end."""

MAX_UNPRICED_LOGGED = 1_000
"""So many models without a rate get a line in the log, one each."""

FENCES_AT_ONCE = 16
"""Each is a connection and two or three questions: a third of a second alone, and partitions are many."""

OPEN_TIMEOUT_S = 10.0
"""How long brokers may stay silent before it is said that they do."""

Clock = Callable[[], int]
"""Wall clock, epoch milliseconds."""


def wall_clock_ms() -> int:
    """Now."""
    return time.time_ns() // 1_000_000


class Shard:
    """One owned partition: its ledgers, its transactional producer, and what is not yet written beside the ledgers."""

    def __init__(self, ledger: PartitionLedger, writer: TransactionalWriter, progress: bytes | None) -> None:
        self.ledger = ledger
        self.writer = writer
        self.progress = progress
        """The progress record that stands on the topic."""
        self.durable_offset = ledger.next_offset
        self.unwritten = Unwritten([], [], [])

    def take_unwritten(self) -> "Unwritten":
        """What has gathered since the last call."""
        taken, self.unwritten = self.unwritten, Unwritten([], [], [])
        return taken


class Unwritten(NamedTuple):
    """What a flush writes or reports beside the ledgers' own changes."""

    dead_letters: list[Outgoing]
    reasons: list[Reason]
    appended_at_ms: list[int]
    """When the first record of each batch was written to the usage topic."""


class _Flush(NamedTuple):
    shard: Shard
    changes: Changes
    unwritten: Unwritten
    records: list[Outgoing]
    progress: bytes

    def write(self) -> None:
        """Write it. Blocks."""
        self.shard.writer.write(self.records, previous=self.shard.progress, progress=self.progress)

    def written(self) -> None:
        """What it changes about its shard."""
        self.shard.progress = self.progress
        self.shard.durable_offset = self.changes.progress.next_offset


class Shards:
    """All owned partitions. Lives on the event loop; what blocks runs in threads."""

    def __init__(
        self,
        settings: Settings,
        topics: Topics,
        policy: Policy,
        metrics: WorkerMetrics,
        clock_ms: Clock = wall_clock_ms,
    ) -> None:
        self.settings = settings
        self.topics = topics
        self.policy = policy
        self.metrics = metrics
        self.clock_ms = clock_ms
        self.config = client_config(settings)
        self.ready = False
        """Whether events are applied: not while partitions are taken over or given up."""
        self.refused = Refusals()
        """Partitions that stand still until somebody has mended something, while the others go on."""
        self.flushing_since_s: float | None = None
        self.failure: BaseException | None = None
        """Why this worker cannot go on; it has to start anew from what is on the topics."""
        self.flush_due = asyncio.Event()
        self.end_offset: Callable[[int], int | None] = lambda _partition: None
        """Asks the transport for the end of a source partition; None while it is not known."""
        self.brokers_away_s: Callable[[], float] = float
        """Asks the transport for how long no broker has been reached."""
        self._unpriced: set[str] = set()
        self._owned: dict[int, Shard] = {}
        self._flushing = asyncio.Lock()
        self._taking_over = asyncio.Lock()
        self._room = asyncio.Condition()
        self._unflushed = 0
        self._changed = 0
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="flush")
        self._retention = Retention.from_settings(settings)
        self._kernel = KernelChoice.of(settings.kernel, self._retention)
        why_not = self._kernel.why_not_native
        wished = why_not is None or settings.kernel == "python"
        told = "by the kernel" if why_not is None else f"in Python: {why_not}"
        _log.log(logging.INFO if wished else logging.WARNING, "ledgers are counted %s", told)
        self._clocks = Clocks(lambda: self.clock_ms(), settings.max_clock_skew_ms)
        reader = MessageReader if why_not is not None else _fastest_reader()
        self.make_reader: MakeReader = partial(reader, clocks=self._clocks)
        self._said_no_append_time = False

    def next_offset(self, partition: int) -> int | None:
        """The offset that is to be applied next; None when the partition is not owned."""
        shard = self._owned.get(partition)
        return None if shard is None else shard.ledger.next_offset

    def durable_offsets(self) -> Mapping[int, int]:
        """By owned partition, the offset up to which everything is written (exclusive)."""
        return {partition: shard.durable_offset for partition, shard in self._owned.items()}

    async def own(self, partitions: Iterable[int]) -> None:
        """Own exactly these partitions: give up the others, fence and restore the new ones.

        What is given up was flushed when it was revoked; if that failed, its new owner reads it again.
        """
        async with self._taking_over:
            wanted = set(partitions)
            for partition in self._owned.keys() - wanted:
                del self._owned[partition]
            self.refused.keep(wanted)
            await self._take_over(wanted - self._owned.keys())

    async def look_again(self) -> None:
        """Take over what was refused, where that may have been mended meanwhile."""
        async with self._taking_over:
            due = set(self.refused.due(time.monotonic()))
            await self._take_over(due - self._owned.keys())

    async def _take_over(self, partitions: set[int]) -> None:
        if not partitions:
            return
        taken = await asyncio.get_running_loop().run_in_executor(self._threads, self._taken_over, sorted(partitions))
        for partition, shard in taken.items():
            if isinstance(shard, Refusal):
                self._refuse(partition, shard)
            else:
                self._owned[partition] = shard
                self._go_on(partition)

    def _taken_over(self, partitions: list[int]) -> dict[int, "Shard | Refusal"]:
        _log.info("taking over partitions %s", partitions)
        writers = {partition: self._writer(partition) for partition in partitions}
        with ThreadPoolExecutor(FENCES_AT_ONCE, thread_name_prefix="fence") as threads:
            fenced = dict(zip(writers, threads.map(_fence, writers.values()), strict=True))
        ledgers = {partition: self._ledger(partition) for partition, why_not in fenced.items() if why_not is None}
        found = restore(self.config, self.topics, ledgers)
        refused = fenced | {partition: restored.why_not for partition, restored in found.items()}
        return {
            partition: why_not or Shard(ledgers[partition], writers[partition], found[partition].progress_record)
            for partition, why_not in refused.items()
        }

    def _refuse(self, partition: int, refusal: Refusal) -> None:
        if self.refused.refuse(partition, refusal, time.monotonic()):
            _log.error("partition %d is not read any further: %s", partition, refusal)
        self._show_refusals()

    def _go_on(self, partition: int) -> None:
        stood_s = self.refused.end(partition, time.monotonic())
        if stood_s is not None:
            _log.warning("partition %d goes on after %.0f s", partition, stood_s)
            self._show_refusals()

    def _show_refusals(self) -> None:
        self.metrics.refusing(self.refused.all().values())

    def _ledger(self, partition: int) -> PartitionLedger:
        return self._kernel.ledger(self.topics.usage.name, partition, self.policy, self._retention)

    def _writer(self, partition: int) -> TransactionalWriter:
        topics, config = self.topics, self.config
        restored = (topics.progress, topics.sessions, topics.rollups, topics.event_ids)
        written = [topic.name for topic in (*restored, topics.usage_rollups, topics.anomalies, topics.dead_letters)]
        return TransactionalWriter(
            config,
            f"{self.settings.app_id}-{partition}",
            partition,
            stored_progress=lambda: stored_progress(config, topics, partition),
            open_topics=lambda: open_topics(config, written, partition, OPEN_TIMEOUT_S),
            is_aborted=lambda topic, offset: is_aborted(config, topic, partition, offset, timeout_s=OPEN_TIMEOUT_S),
            state_topics=[topic.name for topic in (topics.sessions, topics.rollups, topics.event_ids)],
            progress_topic=topics.progress.name,
        )

    async def apply(self, batch: RecordBatch) -> bool:
        """Apply a batch to its partition's ledgers.

        Returns:
            False if a batch before this one got lost on its way: fetch again from `next_offset`.
        """
        if self._full():
            self.flush_due.set()
            async with self._room:
                await self._room.wait_for(lambda: not self._full())
        shard = self._owned.get(batch.partition)
        if shard is None:
            return True  # given up while the batch was under way: its new owner reads it
        if batch.start > shard.ledger.next_offset:
            return False
        if self.failure is None:
            try:
                self._apply(shard, batch)
            except BaseException as failure:
                self.failure = failure  # half a batch may be in the ledgers: nothing of them may be written any more
                raise
        return True

    def _apply(self, shard: Shard, batch: RecordBatch) -> None:
        ledger = shard.ledger
        records = batch.records
        changed = ledger.changed
        if batch.end <= ledger.next_offset:  # read again after a rebalance
            return
        rejections = ledger.apply_records(
            records.offsets,
            records.values,
            logged_ms=records.logged_ms,
            now_ms=self.clock_ms(),
            max_clock_skew_ms=self._clocks.allowed_ms(by_clock=records.by_clock > 0),
        )
        if records.by_clock and not self.policy.by_event_time:
            self._say_no_append_time(records.by_clock)
        for rejection in rejections:
            self._bury(shard, records, rejection)
        shard.unwritten.appended_at_ms.append(records.first_written_ms)
        self._unflushed += len(records.offsets)
        self._changed += ledger.changed - changed
        if self._unflushed >= MANY_EVENTS and self._caught_up():
            self.flush_due.set()

    def _full(self) -> bool:
        return self._unflushed >= MAX_UNFLUSHED_EVENTS or self._changed >= MAX_UNFLUSHED_LEDGERS

    def _caught_up(self) -> bool:
        return all(self.end_offset(number) == shard.ledger.next_offset for number, shard in self._owned.items())

    def _bury(self, shard: Shard, records: Records, rejection: Rejection) -> None:
        index = rejection.index
        headers = dead_letter_headers(
            rejection,
            topic=self.topics.usage.name,
            partition=shard.ledger.partition,
            offset=records.offsets[index],
            headers=records.headers(index),
        )
        shard.unwritten.dead_letters.append(
            Outgoing(self.topics.dead_letters.name, records.key(index), records.values[index], headers)
        )
        shard.unwritten.reasons.append(rejection.reason)

    async def flush(self) -> None:
        """Let time pass, then write what has changed, one transaction per partition, all partitions at once.

        Raises:
            Fenced: A partition has another owner; nothing of this flush of it was written.
            KafkaException: The brokers refuse for good.
        """
        async with self._flushing:
            if self.failure is not None:
                return
            self.flush_due.clear()
            flushes = self._gather_changes()
            async with self._room:  # applying goes on while this flush is written; the next one waits for it
                self._room.notify_all()
            self.flushing_since_s = started = time.monotonic()
            try:
                loop = asyncio.get_running_loop()
                await asyncio.gather(*(loop.run_in_executor(self._threads, flush.write) for flush in flushes))
            except BaseException as failure:
                self.failure = failure  # what was taken for this flush is in no ledger any more
                raise
            finally:
                self.flushing_since_s = None
            for flush in flushes:
                flush.written()
            self._report(flushes, time.monotonic() - started)

    @property
    def stalled_s(self) -> float:
        """How long the present flush has been under way; 0 between flushes."""
        since_s = self.flushing_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    def _gather_changes(self) -> list[_Flush]:
        now_ms = self.clock_ms()
        flushes = []
        for shard in self._owned.values():
            shard.ledger.tick(now_ms)
            changes = shard.ledger.take_changes(now_ms)
            if changes.progress.next_offset != shard.durable_offset or changes.ledgers:
                unwritten = shard.take_unwritten()
                progress = changes.progress.encode()
                records = self._records(changes, unwritten, progress)
                flushes.append(_Flush(shard, changes, unwritten, records, progress))
        self._unflushed = self._changed = 0
        return flushes

    def _records(self, changes: Changes, unwritten: Unwritten, progress: bytes) -> list[Outgoing]:
        topics = self.topics
        records = [Outgoing(topics.sessions.name, key, value, ()) for key, value in changes.ledgers]
        records += [Outgoing(topics.rollups.name, key, value, ()) for key, value in changes.rollups]
        records += [Outgoing(topics.usage_rollups.name, key, value, ()) for key, value in changes.usage_rollups]
        records += [Outgoing(topics.event_ids.name, key, value, ()) for key, value in changes.event_ids]
        records += [
            Outgoing(topics.anomalies.name, notice_key(notice), notice_value(notice), cloudevent_headers(notice))
            for notice in changes.notices
        ]
        records += unwritten.dead_letters
        records.append(Outgoing(topics.progress.name, changes.progress.key, progress, ()))
        return records

    def _report(self, flushes: list[_Flush], seconds: float) -> None:
        now_ms = self.clock_ms()
        for flush in flushes:
            latencies_s = [max(0, now_ms - appended_at_ms) / 1000 for appended_at_ms in flush.unwritten.appended_at_ms]
            opened = (
                likely_partitioner(session_id, flush.shard.ledger.partition, self.settings.partitions)
                for session_id in flush.changes.counts.opened
            )
            self.metrics.flushed(
                flush.changes, rejected=flush.unwritten.reasons, partitioners=opened, latencies_s=latencies_s
            )
            self._say_unpriced(flush.changes.counts.unpriced)
        if flushes:
            self.metrics.flush_seconds.observe(seconds)
        ends = {partition: end for partition in self._owned if (end := self.end_offset(partition)) is not None}
        self.metrics.holding({partition: shard.ledger for partition, shard in self._owned.items()}, ends)

    def _say_no_append_time(self, count: int) -> None:
        self.metrics.without_append_time.inc(count)
        if not self._said_no_append_time:
            self._said_no_append_time = True
            _log.warning(
                "topic %s does not say when it took its records (message.timestamp.type is not LogAppendTime): "
                "events are judged by this worker's clock; `burnline topics ensure` sets it",
                self.topics.usage.name,
            )

    def _say_unpriced(self, models: Mapping[str, str]) -> None:
        for model, reason in models.items():
            if model not in self._unpriced and len(self._unpriced) < MAX_UNPRICED_LOGGED:
                self._unpriced.add(model)
                _log.warning("model %r has no rate, its tokens cost nothing yet: %s", model, reason)


def _fastest_reader() -> type[MessageReader] | type[PolledReader]:
    why_not = why_not_polled()
    if why_not is None:
        return PolledReader
    _log.info("each record is read as an object: %s", why_not)
    return MessageReader


def _fence(writer: TransactionalWriter) -> Refusal | None:
    """Why the partition cannot be taken over; None if it could."""
    try:
        writer.fence()
    except StillOpen as still_open:
        return Refusal(Cause.IN_DOUBT, f"transactional id {writer.transactional_id}", str(still_open), heals=False)
    return None
