"""Faust's Kafka transport, with the source topic fetched by librdkafka in batches.

Faust keeps what it is good at: group membership, assignment, the other topics, commits. It meets one object per
(partition, batch) instead of one per event, which is what makes it fast. `docs/faust.md` says what is overridden.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from aiokafka import TopicPartition as AioTopicPartition
from aiokafka.errors import IllegalStateError
from aiokafka.errors import KafkaError as AioKafkaError
from aiokafka.structs import OffsetAndMetadata
from confluent_kafka import Consumer as Reader
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from app.kafka import Config
from app.stream.standstill import Standstill
from app.topics.client_log import client_log
from app.topics.ends import passing

BATCH_RECORDS = 2_000
"""Most records in one batch: large enough to pay for Faust's work per message, small enough to share the event loop."""
POLL_RECORDS = 8_000
FOLLOW_WAIT_MS = 100
"""How long the broker may hold a fetch of the other topics (baselines, rates) open."""
PROBE_S = 1.0
POLL_S = 0.05
"""An event waits so long at most for others to share its batch."""

READER_CONFIG: Config = {
    "group.id": "unused: partitions are assigned, offsets are kept in the progress topic",
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "fetch.queue.backoff.ms": 5,  # the default of 1,000 holds a fast reader at a quarter of its speed
    "fetch.message.max.bytes": 4 << 20,
    "queued.max.messages.kbytes": 32_768,  # bounds what is prefetched while the worker is behind
    "enable.partition.eof": False,
}


class Positions(Protocol):
    """What the transport asks of the owner of the partitions."""

    def next_offset(self, partition: int) -> int | None:
        """The offset that is to be applied next; None when the partition is not owned (any more)."""

    def durable_offsets(self) -> Mapping[int, int]:
        """By owned partition, the offset up to which everything is written (exclusive)."""


class RecordBatch(NamedTuple):
    """Consecutive records of one partition.

    Attributes:
        partition: Of the source topic.
        start: The position before the first record. Batches of a partition chain: the next one starts where this one
            ends, so a lost batch shows.
        records: Ascending by offset, at least one.
    """

    partition: int
    start: int
    records: list[Message]


class _BatchRecord:
    """A batch in the shape of one aiokafka record, whose value Faust hands on to the agent as it is."""

    __slots__ = ("checksum", "headers", "key", "offset", "partition", "serialized_key_size", "serialized_value_size",
                 "timestamp", "timestamp_type", "topic", "value")  # fmt: skip

    def __init__(self, topic: str, batch: RecordBatch) -> None:
        last = batch.records[-1]
        self.topic = topic
        self.partition = batch.partition
        self.offset: int = last.offset() or 0
        self.timestamp_type, self.timestamp = last.timestamp()
        self.value = batch
        self.headers: tuple[()] = ()
        self.key = self.checksum = None
        self.serialized_key_size = self.serialized_value_size = 0


class FetchThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust is untyped to us
    """Faust's consumer thread; the source topic comes from a librdkafka reader that follows the assignment."""

    transport: "BatchTransport"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._reader: Reader | None = None
        self._reading: dict[int, int] | None = None  # partition -> position, None before an assignment
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="usage-fetch")
        self._away_since_s: float | None = None
        self._standstill = Standstill()

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust hard-codes 1,500 ms. Its questions about offsets queue up behind such a fetch, which made every
        # rebalance 3 s longer, and a changed baseline that much later.
        consumer._fetch_max_wait_ms = FOLLOW_WAIT_MS  # noqa: SLF001  # has no other way in
        return consumer

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Faust rewinds after each rebalance; the reader then starts anew from the ledgers' positions."""
        self._reading = None
        found: Mapping[TP, int] = await super().seek_to_committed()
        return found

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        # Faust stops the worker when a commit fails. Ours only tell consumer-group tools how far we are.
        consumer = self._ensure_consumer()
        known = {AioTopicPartition(*tp): OffsetAndMetadata(offset, "") for tp, offset in offsets.items()}
        try:
            await consumer.commit({tp: offset for tp, offset in known.items() if tp in consumer.assignment()})
        except (AioKafkaError, IllegalStateError) as failure:
            self.log.warning("offsets are not committed, which only monitoring notices: %s", failure)
            return False
        return True

    def restart_reading(self) -> None:
        """Fetch again from the ledgers' positions: a batch got lost between here and the agent."""
        self._reading = None

    @property
    def brokers_away_s(self) -> float:
        """How long no broker has been reached; 0 while one is."""
        return 0.0 if self._away_since_s is None else time.monotonic() - self._away_since_s

    def _reader_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN and self._away_since_s is None:
            self._away_since_s = time.monotonic()

    def _look_for_brokers(self, reader: Reader) -> None:
        # librdkafka tells when the last connection is gone, not when one is back.
        with suppress(KafkaException):
            reader.list_topics(self.transport.source_topic, timeout=PROBE_S)
            self._away_since_s = None

    def end_offsets(self) -> dict[int, int]:
        """By partition, the end of the source topic as the newest fetch saw it; without those not fetched yet."""
        reader, reading = self._reader, self._reading
        if reader is None or reading is None:
            return {}
        topic = self.transport.source_topic
        ends = {
            partition: int(reader.get_watermark_offsets(TopicPartition(topic, partition), cached=True)[1])
            for partition in reading
        }
        return {partition: end for partition, end in ends.items() if end >= 0}

    async def on_thread_stop(self) -> None:
        """Close the reader after Faust's own consumer."""
        await super().on_thread_stop()
        if self._reader is not None:
            await asyncio.get_running_loop().run_in_executor(self._executor, self._reader.close)
        self._executor.shutdown(wait=False)

    async def _fetch_records(
        self, consumer: Any, active_partitions: set[TP], timeout: float | None = None, max_records: int | None = None
    ) -> dict[TP, list[Any]]:
        if not self.consumer.flow_active:
            return {}
        source = {tp for tp in active_partitions if tp.topic == self.transport.source_topic}
        others = active_partitions - source
        records: dict[TP, list[Any]] = {}
        if others:
            wait_s = 0.0 if source else timeout
            records.update(await super()._fetch_records(consumer, others, wait_s, max_records))
        if source:
            records.update(await self._fetch_batches(consumer, source))
        return records

    async def _fetch_batches(self, consumer: Any, active: set[TP]) -> dict[TP, list[_BatchRecord]]:
        owned = {tp for tp in self.assignment() if tp.topic == self.transport.source_topic}
        if owned - active:  # a buffer is full: let the agent catch up before anything more is taken from librdkafka
            await asyncio.sleep(POLL_S / 5)
            return {}
        loop = asyncio.get_running_loop()
        next_offset = self.transport.positions.next_offset
        positions = {tp.partition: offset for tp in owned if (offset := next_offset(tp.partition)) is not None}
        if not positions:  # a rebalance is under way, or none of the partitions can be read
            await asyncio.sleep(POLL_S)
            return {}
        lost = self._standstill.found(positions, self._reading or {}, time.monotonic())
        if lost:
            self.log.info("partitions %s: what was fetched last got lost in a rebalance, fetching again", sorted(lost))
        if lost or self._reading is None or self._reading.keys() != positions.keys():
            self._standstill.forget()
            self._reading = positions
            consumer.pause(*(AioTopicPartition(*tp) for tp in owned))  # aiokafka must not fetch them too
            await loop.run_in_executor(self._executor, self._assign, dict(self._reading))
        reading = self._reading
        assert self._reader is not None  # noqa: S101  # _assign made it
        records = await loop.run_in_executor(self._executor, self._reader.consume, POLL_RECORDS, POLL_S)
        if self._away_since_s is not None:
            await loop.run_in_executor(self._executor, self._look_for_brokers, self._reader)
        if self._reading is not reading or not self.consumer.flow_active:
            self._reading = None
            return {}
        return self._batches(records, reading)

    def _assign(self, positions: Mapping[int, int]) -> None:
        if self._reader is None:
            config: dict[str, Any] = {**self.transport.client_config, **READER_CONFIG, "error_cb": self._reader_error}
            self._reader = Reader(config, logger=client_log)
        topic = self.transport.source_topic
        self._reader.assign([TopicPartition(topic, partition, offset) for partition, offset in positions.items()])

    def _batches(self, records: Iterable[Message], reading: dict[int, int]) -> dict[TP, list[_BatchRecord]]:
        topic = self.transport.source_topic
        by_partition: dict[int, list[Message]] = {}
        for record in records:
            error = record.error()
            if error is not None:
                if passing(error):
                    self.log.warning("fetching goes on after: %s", error.str())
                    continue
                raise KafkaException(error)
            partition = record.partition()
            assert partition is not None  # noqa: S101  # only error records have none
            by_partition.setdefault(partition, []).append(record)
        batches: dict[TP, list[_BatchRecord]] = {}
        for partition, found in by_partition.items():
            batches[TP(topic, partition)] = chain = []
            for first in range(0, len(found), BATCH_RECORDS):
                batch = RecordBatch(partition, reading[partition], found[first : first + BATCH_RECORDS])
                chain.append(_BatchRecord(topic, batch))
                reading[partition] = chain[-1].offset + 1
        return batches


class BatchConsumer(driver.Consumer):  # type: ignore[misc]  # Faust is untyped to us
    """Faust's consumer, whose committed offsets of the source topic are the ledgers' durable ones.

    Faust would collect an acknowledgement per offset and fill gaps between batches with ranges of them. The ledgers
    know better: what is written, with its progress, is done.
    """

    transport: "BatchTransport"

    def _new_consumer_thread(self) -> FetchThread:
        return FetchThread(self, loop=self.loop, beacon=self.beacon)

    def restart_reading(self) -> None:
        """Make the fetch thread start again from the ledgers' positions."""
        self._thread.restart_reading()

    def end_offsets(self) -> dict[int, int]:
        """By partition, the end of the source topic as the newest fetch saw it."""
        ends: dict[int, int] = self._thread.end_offsets()
        return ends

    @property
    def brokers_away_s(self) -> float:
        """How long no broker has been reached; 0 while one is."""
        away_s: float = self._thread.brokers_away_s
        return away_s

    def _is_source(self, tp: TP) -> bool:
        return bool(tp.topic == self.transport.source_topic)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if not self._is_source(tp):
            await super()._add_gap(tp, offset_from, offset_to)

    def ack(self, message: Any) -> bool:
        """A batch is done with once it is applied; what may be committed is decided by the ledgers' progress."""
        if not self._is_source(message.tp):
            return bool(super().ack(message))
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        yield from (tp for tp in super()._filter_tps_with_pending_acks(topics) if not self._is_source(tp))
        for partition in self.transport.positions.durable_offsets():
            yield TP(self.transport.source_topic, partition)

    def _new_offset(self, tp: TP) -> int | None:
        if self._is_source(tp):
            return self.transport.positions.durable_offsets().get(tp.partition)
        offset: int | None = super()._new_offset(tp)
        return offset

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's watchdog looks for aiokafka's fetches, which the source topic does not have."""
        if not self._is_source(tp):
            super().verify_event_path(now, tp)


class BatchTransport(driver.Transport):  # type: ignore[misc]  # Faust is untyped to us
    """The transport to set on a Faust app: `app.transport = BatchTransport(…)`."""

    Consumer = BatchConsumer

    def __init__(self, url: Any, app: Any, *, source_topic: str, client_config: Config, positions: Positions) -> None:
        super().__init__(url, app)
        self.source_topic = source_topic
        self.client_config = client_config
        self.positions = positions
