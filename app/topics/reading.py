"""Read a topic from its first record to its end, once, as fast as librdkafka goes."""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from app.kafka import Config
from app.topics.ends import End, as_topic_error, ends
from app.topics.errors import BrokerSilent

BATCH = 10_000
_WAIT_S = 0.25

_log = logging.getLogger(__name__)


def read_to_end(config: Config, topic: str, partitions: Sequence[int], *, timeout_s: float) -> Iterator[list[Message]]:
    """Read committed records of some partitions, from the first to the end they have when iteration starts.

    The end is found by the broker's own word, never by counting: the last offset may be a transaction marker, or the
    record before it may be compacted away, and no record ever comes for such offsets. Records of a transaction that is
    still open are behind the end, and are not waited for.

    Args:
        config: librdkafka configuration that reaches the brokers.
        topic: Full topic name.
        partitions: Which partitions to read.
        timeout_s: How long the brokers may stay silent.

    Yields:
        Up to 10,000 records, none of them an error; in order within each partition.

    Raises:
        TopicMissing: The topic or one of the partitions does not exist.
        BrokerSilent: Nothing was heard for `timeout_s` before the end was reached.
        TopicError: The brokers refused, for instance for want of access rights.
    """
    unread = {partition: end for partition, end in ends(config, topic, partitions, timeout_s).items() if end.high > 0}
    if not unread:
        return
    consumer = Consumer(_consumer_config(config), logger=_log)
    try:
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in unread])
        while unread:
            batch = _next_batch(consumer, topic, unread, timeout_s)
            records, finished = _sort_out(batch, topic, unread)
            if records:
                yield records
            for partition in finished:
                del unread[partition]
            consumer.pause([TopicPartition(topic, partition) for partition in finished])
    finally:
        consumer.close()


def _consumer_config(config: Config) -> Config:
    return {
        "group.id": "burnline-reader",  # asked for by librdkafka; nothing is ever committed under it
        **config,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",  # retention may move the beginning while we read
        "fetch.wait.max.ms": 10,  # the word that a partition has ended comes with an empty fetch: do not delay it
        "fetch.queue.backoff.ms": 5,  # the default of a second holds a fast reader at a quarter of its speed
    }


def _next_batch(consumer: Consumer, topic: str, unread: dict[int, End], timeout_s: float) -> list[Message]:
    # To wait for one and then take what is there returns at once at the end; consume(BATCH, t) would sit out all of t.
    deadline = time.monotonic() + timeout_s
    while not (batch := consumer.consume(1, min(_WAIT_S, timeout_s))):
        if time.monotonic() >= deadline:
            where = ", ".join(f"{partition} (end {end.high})" for partition, end in unread.items())
            raise BrokerSilent(
                f"Nothing came from topic {topic} for {timeout_s:g} s; not at its end: partitions {where}"
            )
    return batch + consumer.consume(BATCH - 1, 0)


def _sort_out(batch: list[Message], topic: str, unread: dict[int, End]) -> tuple[list[Message], set[int]]:
    """Part a batch into records, and the partitions that have come to their end with it."""
    records = [message for message in batch if message.error() is None and message.partition() in unread]
    newest = cast("dict[int, int]", {message.partition(): message.offset() for message in records})
    finished = {partition for partition, offset in newest.items() if offset >= unread[partition].high - 1}
    if finished:  # what was written since the reading began is left out
        records = [message for message in records if _offset(message) < unread[_partition(message)].high]
    if len(records) < len(batch):
        finished |= {_partition(message) for message in batch if _is_end(message, topic, unread)}
    return records, finished


def _partition(message: Message) -> int:
    return cast("int", message.partition())  # None only in a message that was made by hand


def _offset(message: Message) -> int:
    return cast("int", message.offset())


def _is_end(message: Message, topic: str, unread: dict[int, End]) -> bool:
    """Whether this is the word that a partition has no more.

    A replica that has just become leader may say so too early, before it knows what was committed: hence the offset.
    """
    error = message.error()
    if error is None:
        return False
    if error.code() == KafkaError._PARTITION_EOF:
        partition = _partition(message)
        return partition in unread and _offset(message) >= unread[partition].stable
    if not error.retriable():
        raise as_topic_error(error, topic)
    _log.warning("Reading topic %s goes on after: %s", topic, error.str())
    return False
