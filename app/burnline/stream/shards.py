"""The partitions that this worker owns: taken over, applied to, flushed and given up together."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from confluent_kafka import KafkaException

from burnline.kafka import client_config
from burnline.ledger.identity import org_and_session
from burnline.ledger.partition import PartitionLedger, Retention
from burnline.ledger.policy import Policy
from burnline.metrics import WorkerMetrics
from burnline.native.ledger import KernelChoice
from burnline.settings import Settings
from burnline.stream.batches import RecordBatch
from burnline.stream.clocks import Clocks
from burnline.stream.continuity import LOOK_EVERY_S, Broken, Continuity
from burnline.stream.partitioning import OpenedSessions, likely_partitioner
from burnline.stream.polling import PolledReader, why_not_polled
from burnline.stream.reader import MakeReader, MessageReader
from burnline.stream.refusals import Refusals
from burnline.stream.restore import Found, restore, stored_progress
from burnline.stream.shard import Flush, Shard, records_of
from burnline.stream.unpriced import UnpricedLog
from burnline.stream.writer import StillOpen, TransactionalWriter
from burnline.topics.catalogue import Topics
from burnline.topics.ends import open_topics
from burnline.topics.errors import TopicError
from burnline.topics.reading import is_aborted
from burnline.topics.refusal import Cause, Refusal, Refused, as_refusal
from burnline.topics.rights import READ, WRITE, as_one, missing_rights

_log = logging.getLogger(__name__)

MAX_UNFLUSHED_EVENTS = 500_000
"""Events applied but not yet written, at most: what a worker may have to read again, and a bound on its memory."""

MAX_UNFLUSHED_LEDGERS = 50_000
"""Ledgers changed but not yet written, at most: a flush holds a record of a kilobyte or two for each."""

MANY_EVENTS = 100_000
"""So many are written as soon as there are no more to come, without waiting for the flush interval to end."""

FLUSHES_AT_ONCE = 32
"""One that waits for brokers keeps a thread: the others must find one, too."""

SLOW_S = 5.0
"""A partition whose flush takes longer is read no further until it is written, and others have its room."""

FENCES_AT_ONCE = 16
"""Each is a connection and two or three questions: a third of a second alone, and partitions are many."""

OPEN_TIMEOUT_S = 10.0
"""How long brokers may stay silent before it is said that they do."""

Clock = Callable[[], int]
"""Milliseconds: of the wall clock since the epoch, of a steady one since some moment."""


def steady_clock_ms() -> int:
    """Milliseconds from which idle time is counted: whoever sets the system's clock resolves and retires nothing."""
    return time.monotonic_ns() // 1_000_000


def wall_clock_ms() -> int:
    """Now."""
    return time.time_ns() // 1_000_000


class Shards:
    """All owned partitions. Lives on the event loop; what blocks runs in threads."""

    def __init__(
        self,
        settings: Settings,
        topics: Topics,
        policy: Policy,
        metrics: WorkerMetrics,
        clock_ms: Clock = wall_clock_ms,
        idle_clock_ms: Clock = steady_clock_ms,
    ) -> None:
        self.settings = settings
        self.topics = topics
        self.policy = policy
        self.metrics = metrics
        self.clock_ms = clock_ms
        self.idle_clock_ms = idle_clock_ms
        self.config = client_config(settings)
        restored = (topics.progress, topics.sessions, topics.rollups, topics.event_ids, topics.usage_rollups)
        self._restored = [one.name for one in restored]
        self._written = [*self._restored, topics.anomalies.name, topics.dead_letters.name]
        self.ready = False
        """Whether events are applied: not while partitions are taken over or given up."""
        self.refused = Refusals()
        """Partitions that stand still until somebody has mended something, while the others go on."""
        self.failure: BaseException | None = None
        """Why this worker cannot go on; it has to start anew from what is on the topics."""
        self.flush_due = asyncio.Event()
        self.end_offset: Callable[[int], int | None] = lambda _partition: None
        """Asks the transport for the end of a source partition; None while it is not known."""
        self.brokers_away_s: Callable[[], float] = float
        """Asks the transport for how long no broker has been reached."""
        self._unpriced = UnpricedLog()
        self._opened = OpenedSessions(settings.partitions)
        self._owned: dict[int, Shard] = {}
        self._unflushed = (0, 0)
        """Events applied and ledgers changed that no flush has gathered, of all partitions."""
        self._taking_over = asyncio.Lock()
        self._room = asyncio.Condition()
        self._threads = ThreadPoolExecutor(FLUSHES_AT_ONCE, thread_name_prefix="flush")
        self._taker = ThreadPoolExecutor(1, thread_name_prefix="take-over")
        self._retention = Retention.from_settings(settings)
        self._continuity = Continuity(self.config, topics, by_log=not policy.by_event_time)
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
        """The offset that is to be applied next; None when the partition is not owned, or is not to be read now."""
        shard = self._owned.get(partition)
        return None if shard is None or self._stands_aside(shard) else shard.ledger.next_offset

    def _stands_aside(self, shard: Shard) -> bool:
        """Whether what it was given last cannot be written, at least not now: more would only fill the memory."""
        return shard.ledger.partition in self.refused or shard.stalled_s > SLOW_S

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
                self._disown(partition)
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
        taken = await asyncio.get_running_loop().run_in_executor(self._taker, self._taken_over, sorted(partitions))
        for partition, shard in taken.items():
            if isinstance(shard, Refusal):
                self._refuse(partition, shard)
            else:
                self._owned[partition] = shard
                self._go_on(partition)

    def _taken_over(self, partitions: list[int]) -> dict[int, "Shard | Refusal"]:
        _log.info("taking over partitions %s", partitions)
        misfits = {partition: self._before(partition) for partition in partitions}
        writers = {partition: self._writer(partition) for partition, misfit in misfits.items() if misfit is None}
        with ThreadPoolExecutor(FENCES_AT_ONCE, thread_name_prefix="fence") as threads:
            fenced = dict(zip(writers, threads.map(self._fenced, writers.values()), strict=True))
        ledgers = {partition: self._ledger(partition) for partition, why_not in fenced.items() if why_not is None}
        try:
            found = restore(self.config, self.topics, ledgers)
        except TopicError as error:
            found = dict.fromkeys(ledgers, Found(None, self._refusal(error), {}))  # they share their topics
        refused = misfits | fenced | {partition: restored.why_not for partition, restored in found.items()}
        for partition, ledger in ledgers.items():
            if refused[partition] is None:
                refused[partition] = self._fits(ledger, found[partition])
        return {
            partition: why_not or Shard(ledgers[partition], writers[partition], found[partition].progress_record)
            for partition, why_not in refused.items()
        }

    def _before(self, partition: int) -> Refusal | None:
        """Why nothing of the partition may be asked for; None if it may."""
        try:
            return self._continuity.before(partition)
        except TopicError as error:
            return self._refusal(error)

    def _fits(self, ledger: PartitionLedger, restored: Found) -> Refusal | None:
        """Why a restored ledger cannot be counted on with; None if it can."""
        try:
            return self._continuity.restored(ledger, restored.progress_record, restored.other_records)
        except TopicError as error:
            return self._refusal(error)

    def _fenced(self, writer: TransactionalWriter) -> Refusal | None:
        """Why the partition cannot be taken over; None if it could."""
        try:
            writer.fence()
        except StillOpen as still_open:
            return in_doubt(writer, still_open)
        except TopicError as error:
            return self._refusal(error)
        return None

    def _refusal(self, error: TopicError) -> Refusal:
        """What an error refuses. Blocks: a right that is missing may pass for a topic that does not exist.

        Raises:
            TopicError: The same, if waiting may cure it.
        """
        refusal = as_refusal(error)
        if refusal is None:
            raise error
        if refusal.cause not in {Cause.NOT_AUTHORISED, Cause.UNKNOWN_TOPIC} or isinstance(error, Refused):
            return refusal
        return self._missing_rights() or refusal

    def _missing_rights(self) -> Refusal | None:
        """What is not allowed on topics that are written, some of which are restored. Blocks."""
        needed = dict.fromkeys(self._written, WRITE) | dict.fromkeys(self._restored, WRITE | READ)
        try:
            return as_one(missing_rights(self.config, needed, OPEN_TIMEOUT_S))
        except (KafkaException, TimeoutError) as failure:
            _log.debug("not said which rights are missing: %s", failure)
            return None

    async def look_at_topics(self) -> None:
        """Refuse what does not fit any more, though nothing comes that would have to be written."""
        self._say_unpriced()
        loop = asyncio.get_running_loop()
        since_s = time.monotonic() - LOOK_EVERY_S
        async with self._taking_over:
            for shard in list(self._owned.values()):
                broken = await loop.run_in_executor(self._threads, self._continuity.broken, shard.ledger, since_s)
                if broken is not None:
                    self._drop(shard, broken)
            unread = await loop.run_in_executor(self._threads, self._continuity.unread)
            for partition, refusal in unread.items():
                if partition not in self.refused:
                    self._refuse(partition, refusal)

    async def look_at_positions(self, fetched_to: Callable[[int], int | None]) -> bool:
        """Skip what is gone from the log, refuse what lost its end; for positions that the log does not hold.

        Args:
            fetched_to: The offset that is to be fetched next of a partition. What was fetched is applied first.

        Returns:
            Whether anything has changed, so that reading has to begin anew.
        """
        changed = False
        async with self._taking_over:
            still = {
                number: shard for number, shard in self._owned.items() if fetched_to(number) == self.next_offset(number)
            }
            loop = asyncio.get_running_loop()
            logs = await loop.run_in_executor(self._threads, self._continuity.logs, still)
            for partition, shard in still.items():
                if self._owned.get(partition) is not shard:
                    continue
                changed |= self._continuity.skip_gap(shard.ledger, logs[partition]) > 0
                progress = shard.ledger.progress(self.clock_ms())
                lost = await loop.run_in_executor(self._threads, self._continuity.lost_end, progress, logs[partition])
                if lost is not None:
                    self._drop(shard, lost)
                    changed = True
        if changed:
            self.flush_due.set()
        return changed

    def _drop(self, shard: Shard, refusal: Refusal) -> None:
        """Own a partition no longer, since it cannot go on; what was not written of it is read again by who can."""
        partition = shard.ledger.partition
        if self._owned.get(partition) is shard:
            self._disown(partition)
            self._refuse(partition, refusal)

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
        return TransactionalWriter(
            config,
            f"{self.settings.app_id}-{partition}",
            partition,
            stored_progress=lambda: stored_progress(config, topics, partition),
            open_topics=lambda: open_topics(config, self._written, partition, OPEN_TIMEOUT_S),
            is_aborted=lambda topic, offset: is_aborted(config, topic, partition, offset, timeout_s=OPEN_TIMEOUT_S),
            state_topics=[topic.name for topic in (topics.sessions, topics.rollups, topics.event_ids)],
            progress_topic=topics.progress.name,
            missing_rights=self._missing_rights,
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
        if shard is None or self._stands_aside(shard):
            return True  # given up, or set aside, while the batch was under way: it is read again
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
        changed, catalogues = ledger.changed, ledger.catalogues
        if batch.end <= ledger.next_offset:  # read again after a rebalance
            return
        rejections = ledger.apply_records(
            records.offsets,
            records.values,
            logged_ms=records.logged_ms,
            now_ms=self.idle_clock_ms(),
            max_clock_skew_ms=self._clocks.allowed_ms(by_clock=records.by_clock > 0),
        )
        if ledger.catalogues is not catalogues:
            self._say_prices(ledger)
        if records.by_clock and not self.policy.by_event_time:
            self._say_no_append_time(records.by_clock)
        for rejection in rejections:
            shard.bury(self.topics, records, rejection)
        shard.unwritten.appended_at_ms.append(records.first_written_ms)
        self._count(shard, len(records.offsets), ledger.changed - changed)
        if self._due_early():
            self.flush_due.set()

    def _say_prices(self, ledger: PartitionLedger) -> None:
        """Say from where on a partition's events are charged by other prices than before."""
        *before, now = ledger.catalogues
        if before:
            told = "partition %d: from offset %d on events are charged by catalogue %s, before by %s"
            _log.warning(told, ledger.partition, now.since_offset, now.version, before[-1].version)

    def _full(self) -> bool:
        """Whether no more may be applied before something is written.

        What a partition that stands aside has gathered is not counted, up to as much again: others have its room.
        """
        events, ledgers = self._unflushed
        if events < MAX_UNFLUSHED_EVENTS and ledgers < MAX_UNFLUSHED_LEDGERS:
            return False
        if events >= 2 * MAX_UNFLUSHED_EVENTS or ledgers >= 2 * MAX_UNFLUSHED_LEDGERS:
            return True
        at_work = [shard for shard in self._owned.values() if not self._stands_aside(shard)]
        events, ledgers = sum(shard.unflushed for shard in at_work), sum(shard.changed for shard in at_work)
        return events >= MAX_UNFLUSHED_EVENTS or ledgers >= MAX_UNFLUSHED_LEDGERS

    def _count(self, shard: Shard, events: int, ledgers: int) -> None:
        """So much more is not gathered of a shard; kept as a sum, since it is asked for with each batch."""
        shard.unflushed += events
        shard.changed += ledgers
        self._unflushed = (self._unflushed[0] + events, self._unflushed[1] + ledgers)

    def _disown(self, partition: int) -> None:
        """Own a partition no longer: what is not gathered of it takes no room any more."""
        shard = self._owned.pop(partition, None)
        if shard is not None:
            self._count(shard, -shard.unflushed, -shard.changed)

    def _due_early(self) -> bool:
        """Whether there is enough to write, and nothing more to apply first."""
        return self._unflushed[0] >= MANY_EVENTS and all(
            self.end_offset(number) == shard.ledger.next_offset for number, shard in self._owned.items()
        )

    async def flush(self) -> None:
        """Write all that has been applied, one transaction per partition, except where that is refused.

        Raises:
            Fenced: A partition has another owner; nothing of this flush of it was written.
            KafkaException: Something that nobody has thought of.
        """
        if self.failure is not None:
            return
        self.flush_due.clear()
        await asyncio.gather(*(self._flush_whole(shard) for shard in list(self._owned.values())))
        if self.failure is not None:
            raise self.failure

    async def _flush_whole(self, shard: Shard) -> None:
        if shard.flushing is not None:  # what was applied since then is not in it
            await asyncio.wait([shard.flushing])
        flushing = self._begin_flush(shard)
        if flushing is not None:
            await asyncio.wait([flushing])

    async def begin_flushes(self) -> None:
        """Begin to write every partition of which nothing is under way; one that is slow or refused holds up no other.

        A failure shows in `failure`.
        """
        self.flush_due.clear()
        for shard in list(self._owned.values()):
            self._begin_flush(shard)
        async with self._room:  # time alone may have made room: see `_full`
            self._room.notify_all()
        self._show_holdings()

    def _begin_flush(self, shard: Shard) -> "asyncio.Task[None] | None":
        """Begin to write a partition, unless that is under way, was refused lately, or there is nothing to write."""
        if shard.flushing is not None or self.failure is not None:
            return None
        partition = shard.ledger.partition
        if partition in self.refused and partition not in self.refused.due(time.monotonic()):
            return None
        if shard.gathered is None:
            shard.gathered = self._gather(shard)
        if shard.gathered is None:
            return None
        shard.flushing = asyncio.create_task(self._write(shard, shard.gathered))
        return shard.flushing

    def _gather(self, shard: Shard) -> Flush | None:
        """Let time pass, and take what has changed since; applying goes on while that is written."""
        now_ms, now_s = self.clock_ms(), time.monotonic()
        shard.ledger.tick(self.idle_clock_ms())
        changes = shard.ledger.take_changes(now_ms)
        self._count(shard, -shard.unflushed, -shard.changed)
        if changes.progress.next_offset == shard.durable_offset and not changes.ledgers:
            return None
        unwritten = shard.take_unwritten()
        progress = changes.progress.encode()
        return Flush(shard, changes, unwritten, records_of(self.topics, changes, unwritten, progress), progress, now_s)

    async def _write(self, shard: Shard, flush: Flush) -> None:
        shard.flushing_since_s = started = time.monotonic()
        async with self._room:
            self._room.notify_all()
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._try_to_write, flush)
        except Broken as broken:
            self._drop(shard, broken.refusal)
        except Refused as refused:
            self._refuse(shard.ledger.partition, refused.refusal)
        except StillOpen as still_open:
            self._disown(shard.ledger.partition)  # whoever takes it over anew can tell
            self._refuse(shard.ledger.partition, in_doubt(shard.writer, still_open))
        except BaseException as failure:  # noqa: BLE001  # told by whoever looks after the worker
            self.failure = failure  # what was taken for this flush is in no ledger any more
        else:
            shard.gathered = None
            flush.written()
            self._report(flush, time.monotonic() - started)
            self._go_on(shard.ledger.partition)
        finally:
            shard.flushing_since_s = shard.flushing = None
        if self._full() or self._due_early():
            self.flush_due.set()

    def _try_to_write(self, flush: Flush) -> None:
        try:
            self._continuity.check(flush.shard.ledger, flush.gathered_at_s)
            flush.write()
        except Broken:
            raise
        except TopicError as error:
            raise Refused(self._refusal(error)) from error

    @property
    def stalled_s(self) -> float:
        """How long the oldest flush has been under way; 0 between flushes."""
        return max(self.stalled().values(), default=0.0)

    def stalled(self) -> dict[int, float]:
        """By partition, how long its flush has been under way."""
        return {number: seconds for number, shard in self._owned.copy().items() if (seconds := shard.stalled_s) > 0}

    def _report(self, flush: Flush, seconds: float) -> None:
        now_ms = self.clock_ms()
        latencies_s = [max(0, now_ms - appended_at_ms) / 1000 for appended_at_ms in flush.unwritten.appended_at_ms]
        opened = (
            likely_partitioner(org_and_session(key)[1], flush.shard.ledger.partition, self.settings.partitions)
            for key in flush.changes.counts.opened
        )
        self.metrics.flushed(
            flush.changes, rejected=flush.unwritten.reasons, partitioners=opened, latencies_s=latencies_s
        )
        self._unpriced.gather(flush.changes.counts.unpriced)
        self._say_unpriced()
        self._find_split(flush.changes.counts.opened, flush.shard.ledger.partition)
        self.metrics.flush_seconds.observe(seconds)
        if not any(shard.flushing_since_s for shard in self._owned.values() if shard is not flush.shard):
            self._show_holdings()  # the last one of several shows them all

    def _find_split(self, opened: Iterable[str], partition: int) -> None:
        for key in opened:
            if self._opened.is_split(key, partition):
                self.metrics.split(org_and_session(key)[0])

    def _show_holdings(self) -> None:
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

    def _say_unpriced(self) -> None:
        if (line := self._unpriced.line(time.monotonic())) is not None:
            _log.warning("%s", line)


def _fastest_reader() -> type[MessageReader] | type[PolledReader]:
    why_not = why_not_polled()
    if why_not is None:
        return PolledReader
    _log.info("each record is read as an object: %s", why_not)
    return MessageReader


def in_doubt(writer: TransactionalWriter, still_open: StillOpen) -> Refusal:
    """That nobody knows what counts. Brokers that are only slow to end it may still do so."""
    return Refusal(Cause.IN_DOUBT, f"transactional id {writer.transactional_id}", str(still_open))
