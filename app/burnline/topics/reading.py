"""Read a topic from its first record to its end, once, as fast as librdkafka goes."""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import cast

from confluent_kafka import (
    TIMESTAMP_LOG_APPEND_TIME,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    Message,
    TopicPartition,
)

from burnline.kafka import Config
from burnline.topics.clients import PROMPT, reader
from burnline.topics.ends import as_topic_error, level_of, passing, spans
from burnline.topics.errors import BrokerSilent

BATCH = 10_000
_WAIT_S = 0.25

_log = logging.getLogger(__name__)


def read_to_end(
    config: Config, topic: str, partitions: Sequence[int], *, timeout_s: float, newest: int | None = None
) -> Iterator[list[Message]]:
    """Read the committed records of some partitions, from the first to the end they have when iteration starts.

    The end is found by the brokers' word, never by counting: the last offset may be a transaction marker, or the record
    before it may be compacted away, and no record ever comes for such offsets. Records of a transaction that is still
    open are behind the end and are not waited for. Records written meanwhile may come along.

    Args:
        config: librdkafka configuration that reaches the brokers.
        topic: Full topic name.
        partitions: Which partitions to read.
        timeout_s: How long the brokers may stay silent.
        newest: Only so many offsets at the end of each partition; all by default.

    Yields:
        Up to 10,000 records, none of them an error; in order within each partition.

    Raises:
        TopicMissing: The topic or one of the partitions does not exist.
        BrokerSilent: Nothing was heard for `timeout_s` before the end was reached.
        TopicError: The brokers refused, for instance for want of access rights.
    """
    consumer = reader(config, PROMPT)
    try:
        found = spans(consumer, topic, partitions, timeout_s)
        # From a known offset: librdkafka takes half a second to find OFFSET_BEGINNING.
        consumer.assign(
            [
                TopicPartition(
                    topic, partition, span.first if newest is None else max(span.first, span.stable - newest)
                )
                for partition, span in found.items()
            ]
        )
        unread = {partition: span.stable for partition, span in found.items()}
        yield from _Reading(consumer, topic, unread, timeout_s).batches()
    finally:
        consumer.close()


def is_aborted(config: Config, topic: str, partition: int, offset: int, *, timeout_s: float) -> bool:
    """Whether readers of committed records pass over the record at an offset; not while its transaction is open.

    Raises:
        BrokerSilent, TopicError: As `read_to_end` raises them.
    """
    consumer = reader(config, PROMPT)
    try:
        stable = spans(consumer, topic, [partition], timeout_s)[partition].stable
        return offset < stable and _at(consumer, topic, partition, offset, stable, timeout_s) is None
    finally:
        consumer.close()


def taken_at_ms(config: Config, topic: str, partition: int, offset: int, *, timeout_s: float) -> int | None:
    """When the log took the committed record at an offset, Unix epoch ms.

    None where there is no record (any more, or of a transaction that was aborted), or the topic does not say it.

    Raises:
        BrokerSilent, TopicError: As `read_to_end` raises them.
    """
    consumer = reader(config, PROMPT)
    try:
        span = spans(consumer, topic, [partition], timeout_s)[partition]
        if not span.first <= offset < span.stable:
            return None
        found = _at(consumer, topic, partition, offset, span.stable, timeout_s)
        kind, taken_ms = (TIMESTAMP_NOT_AVAILABLE, 0) if found is None else found.timestamp()
        return taken_ms if kind == TIMESTAMP_LOG_APPEND_TIME else None
    finally:
        consumer.close()


def _at(consumer: Consumer, topic: str, partition: int, offset: int, stable: int, timeout_s: float) -> Message | None:
    consumer.assign([TopicPartition(topic, partition, offset)])
    found = next(_Reading(consumer, topic, {partition: stable}, timeout_s).batches(), None)
    return found[0] if found and found[0].offset() == offset else None


class _Reading:
    """One pass over some partitions.

    A partition is finished by the first of two things. The broker says that there is no more: it says so at the last
    stable offset. Or a record comes from as far as the partition went at its first fetch: otherwise a reader slower
    than the writers would never end.
    """

    def __init__(self, consumer: Consumer, topic: str, unread: dict[int, int], timeout_s: float) -> None:
        self._consumer = consumer
        self._topic = topic
        self._unread = unread  # partition -> the offset to be reached at least
        self._high: dict[int, int] = {}  # partition -> first offset that did not exist at the first fetch
        self._timeout_s = timeout_s

    def batches(self) -> Iterator[list[Message]]:
        while self._unread:
            batch = self._next_batch()
            records = [message for message in batch if message.error() is None and message.partition() in self._unread]
            finished = self._reached(records)
            if len(records) < len(batch):
                finished |= {_partition(message) for message in batch if self._says_end(message)}
            if records:
                yield records
            self._leave(finished)

    def _next_batch(self) -> list[Message]:
        # Waiting for one, then taking what is there, returns at once at the end; consume(BATCH, t) sits out all of t.
        deadline = time.monotonic() + self._timeout_s
        while not (batch := self._consumer.consume(1, min(_WAIT_S, self._timeout_s))):
            if time.monotonic() >= deadline:
                missing = ", ".join(f"{partition} (to {offset})" for partition, offset in self._unread.items())
                raise BrokerSilent(
                    f"Nothing came from topic {self._topic} for {self._timeout_s:g} s; unread: partitions {missing}"
                )
        return batch + self._consumer.consume(BATCH - 1, 0)

    def _reached(self, records: list[Message]) -> set[int]:
        newest = cast("dict[int, int]", {message.partition(): message.offset() for message in records})
        for partition in newest.keys() - self._high.keys():
            # Asked of the consumer, who knows it from the fetch; the other way to ask is wrong on Tansu.
            known = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
            self._high[partition] = max(known[1], self._unread[partition])
        return {partition for partition, offset in newest.items() if offset >= self._high[partition] - 1}

    def _says_end(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return False
        if error.code() == KafkaError._PARTITION_EOF:
            # A replica that has just become leader may say so before it knows all that was committed: hence the offset.
            partition = _partition(message)
            return partition in self._unread and cast("int", message.offset()) >= self._unread[partition]
        if not passing(error):
            raise as_topic_error(error, self._topic)
        _log.log(level_of(error), "Reading topic %s goes on after: %s", self._topic, error.str())
        return False

    def _leave(self, finished: set[int]) -> None:
        if finished:
            self._consumer.pause([TopicPartition(self._topic, partition) for partition in finished])
        for partition in finished:
            del self._unread[partition]


def _partition(message: Message) -> int:
    return cast("int", message.partition())  # None only in a message that was made by hand
