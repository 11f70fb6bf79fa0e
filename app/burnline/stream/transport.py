"""Faust's Kafka transport, with the source topic fetched by librdkafka in batches.

Faust keeps what it is good at: group membership, assignment, the other topics, commits. It meets one object per
(partition, batch) instead of one per event, which is what makes it fast. `docs/faust.md` says what is overridden.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from aiokafka import TopicPartition as AioTopicPartition
from aiokafka.errors import IllegalStateError
from aiokafka.errors import KafkaError as AioKafkaError
from aiokafka.structs import OffsetAndMetadata
from confluent_kafka import TIMESTAMP_CREATE_TIME
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from burnline.kafka import Config
from burnline.stream.batches import RecordBatch
from burnline.stream.following import Following
from burnline.stream.reader import MakeReader

FULL_WAIT_S = 0.002
"""An agent works a batch off in about so long."""
METADATA_AGE_MS = 5_000
"""How soon the group notices that the source topic has grown or was made anew; aiokafka's default is five minutes."""
FOLLOW_WAIT_MS = 100
"""How long the broker may hold a fetch of the other topics (baselines, rates) open."""


class Positions(Protocol):
    """What the transport asks of the owner of the partitions."""

    def next_offset(self, partition: int) -> int | None:
        """The offset that is to be applied next; None when the partition is not owned (any more)."""

    def durable_offsets(self) -> Mapping[int, int]:
        """By owned partition, the offset up to which everything is written (exclusive)."""


class _BatchRecord:
    """A batch in the shape of one aiokafka record, whose value Faust hands on to the agent as it is."""

    __slots__ = ("checksum", "headers", "key", "offset", "partition", "serialized_key_size", "serialized_value_size",
                 "timestamp", "timestamp_type", "topic", "value")  # fmt: skip

    def __init__(self, topic: str, batch: RecordBatch) -> None:
        self.topic = topic
        self.partition = batch.partition
        self.offset = batch.end - 1
        self.timestamp_type = TIMESTAMP_CREATE_TIME
        self.timestamp = batch.records.last_written_ms
        self.value = batch
        self.headers: tuple[()] = ()
        self.key = self.checksum = None
        self.serialized_key_size = self.serialized_value_size = 0


class FetchThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust is untyped to us
    """Faust's consumer thread; the source topic comes from a librdkafka reader that follows the assignment."""

    transport: "BatchTransport"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._following = Following(
            lambda: self.transport.make_reader(self.transport.source_topic, self.transport.client_config)
        )

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust hard-codes 1,500 ms. Its questions about offsets queue up behind such a fetch, which made every
        # rebalance 3 s longer, and a changed baseline that much later.
        consumer._fetch_max_wait_ms = FOLLOW_WAIT_MS  # noqa: SLF001  # has no other way in
        consumer._client._metadata_max_age_ms = METADATA_AGE_MS  # noqa: SLF001  # likewise
        return consumer

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Faust rewinds after each rebalance; the reader then starts anew from the ledgers' positions."""
        self._following.restart()
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

    @property
    def following(self) -> Following:
        """What reads the source topic."""
        return self._following

    async def on_thread_stop(self) -> None:
        """Close the reader after Faust's own consumer."""
        await super().on_thread_stop()
        await self._following.close()

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
        if self._owned() - active:  # a buffer is full: let the agent catch up before anything more is taken
            await asyncio.sleep(FULL_WAIT_S)
            return {}
        found = await self._following.fetch(
            self._positions, lambda: self._take(consumer), lambda: bool(self.consumer.flow_active)
        )
        topic = self.transport.source_topic
        return {TP(topic, number): [_BatchRecord(topic, batch) for batch in chain] for number, chain in found.items()}

    def _owned(self) -> set[TP]:
        return {tp for tp in self.assignment() if tp.topic == self.transport.source_topic}

    def _positions(self) -> dict[int, int]:
        next_offset = self.transport.positions.next_offset
        return {tp.partition: offset for tp in self._owned() if (offset := next_offset(tp.partition)) is not None}

    def _take(self, consumer: Any) -> None:
        owned = self._owned()
        self.consumer.forget_read_offsets(owned)
        consumer.pause(*(AioTopicPartition(*tp) for tp in owned))  # aiokafka must not fetch them too


class BatchConsumer(driver.Consumer):  # type: ignore[misc]  # Faust is untyped to us
    """Faust's consumer, whose committed offsets of the source topic are the ledgers' durable ones.

    Faust would collect an acknowledgement per offset and fill gaps between batches with ranges of them. The ledgers
    know better: what is written, with its progress, is done.
    """

    transport: "BatchTransport"

    def _new_consumer_thread(self) -> FetchThread:
        return FetchThread(self, loop=self.loop, beacon=self.beacon)

    def restart_reading(self) -> None:
        """Fetch again from the ledgers' positions: a batch got lost between the fetch thread and the agent."""
        self._following.restart()

    @property
    def _following(self) -> Following:
        following: Following = self._thread.following
        return following

    def forget_read_offsets(self, tps: Iterable[TP]) -> None:
        """Let batches through from wherever the reader begins.

        Faust drops what lies before the group's committed offset, or before what it has handed out already. Where
        counting begins anew, that would be all there is, until a new event comes.
        """
        for tp in tps:
            self._read_offset.pop(tp, None)

    @property
    def in_doubt(self) -> bool:
        """Whether a partition is not read any further, since the log does not hold its position."""
        return self._following.in_doubt

    def fetched_to(self, partition: int) -> int | None:
        """The offset that is to be fetched next; None while the partition is not read."""
        return self._following.fetched_to(partition)

    def end_offset(self, partition: int) -> int | None:
        """The end of a partition of the source topic as the newest fetch saw it; None before the first one."""
        return self._following.end_offset(partition)

    @property
    def brokers_away_s(self) -> float:
        """How long no broker has been reached; 0 while one is."""
        return self._following.brokers_away_s

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
        """Faust's watchdog looks for aiokafka's fetches: topics read in another way have none, nor has one in vain.

        That no broker is reached is said by `/readyz` and a metric, and not in fifteen lines every few seconds.
        """
        if tp.topic not in self.transport.read_elsewhere and self.brokers_away_s == 0:
            super().verify_event_path(now, tp)


class BatchTransport(driver.Transport):  # type: ignore[misc]  # Faust is untyped to us
    """The transport to set on a Faust app: `app.transport = BatchTransport(…)`."""

    Consumer = BatchConsumer

    def __init__(
        self,
        url: Any,
        app: Any,
        *,
        source_topic: str,
        changelogs: Iterable[str],
        client_config: Config,
        make_reader: MakeReader,
        positions: Positions,
    ) -> None:
        """Build it.

        Args:
            url: Of the brokers, as Faust has it.
            app: The Faust application.
            source_topic: Read by librdkafka, in batches.
            changelogs: Topics that Faust has assigned to it, but which are read when a partition is taken over.
            client_config: What all librdkafka clients share.
            make_reader: Makes the reader of the source topic.
            positions: The owner of the partitions.
        """
        super().__init__(url, app)
        self.read_elsewhere = frozenset([source_topic, *changelogs])
        self.source_topic = source_topic
        self.client_config = client_config
        self.make_reader = make_reader
        self.positions = positions
