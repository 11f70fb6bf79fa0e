"""Where the partitions of a topic begin and end for a reader of committed records, by the brokers' own word."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec, TopicMetadata

from burnline.kafka import Config
from burnline.topics.client_log import client_log
from burnline.topics.clients import reader
from burnline.topics.errors import BrokerSilent, TopicError, TopicMissing
from burnline.topics.refusal import Cause, Refusal, Refused

_ATTEMPT_S = 1.0
_RETRY_S = 0.05
_MISSING = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}
_PASSING = {
    KafkaError.BROKER_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.KAFKA_STORAGE_ERROR,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NETWORK_EXCEPTION,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._DESTROY_BROKER,  # a broker has left the cluster while it was asked
    KafkaError._NOENT,  # the admin client's word for a partition without a leader
    KafkaError._RESOLVE,
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
}
_OF_THE_GROUP = {KafkaError.GROUP_AUTHORIZATION_FAILED}
"""librdkafka looks for the coordinator of a reader's group, though readers are assigned and no members of any."""


OUT_OF_RANGE = {
    KafkaError.OFFSET_OUT_OF_RANGE,
    KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001  # librdkafka names its codes so
    KafkaError._LOG_TRUNCATION,  # noqa: SLF001
}
"""What a reader meets whose position the log has not (any more), where it must not choose another one itself."""
GONE = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}
"""What a reader meets whose topic was deleted."""


class Span(NamedTuple):
    """The offsets of a partition.

    Attributes:
        first: Of the first record that is still there.
        stable: The first that a `read_committed` reader may not see yet. Apache Kafka says it exactly. Tansu may say
            less: it counts its last batch as one record, and says 0 while a transaction is open. So this is what a
            reader must reach, not where it may stop.
    """

    first: int
    stable: int


def spans(consumer: Consumer, topic: str, partitions: Sequence[int], timeout_s: float) -> dict[int, Span]:
    """Ask for the offsets of every partition; the consumer's isolation level decides what its end is.

    Raises:
        TopicMissing: The topic or one of the partitions does not exist.
        BrokerSilent: No answer within `timeout_s`.
        TopicError: The brokers refused.
    """
    deadline = time.monotonic() + timeout_s
    return {partition: _span(consumer, TopicPartition(topic, partition), deadline) for partition in partitions}


def open_topics(config: Config, topics: Sequence[str], partition: int, timeout_s: float) -> list[str]:
    """Those of the topics that have an open transaction in a partition: readers of committed records end before others.

    True of a partition that nobody writes to meanwhile.

    Raises:
        BrokerSilent: No answer within `timeout_s`.
        TopicMissing: One of the topics, or its partition, does not exist.
        TopicError: The brokers refused.
    """
    deadline = time.monotonic() + timeout_s
    # A client of its own for each call: librdkafka's (2.16) corrupts its heap when two threads ask one client for the
    # offsets of partitions that have no leader.
    admin = AdminClient(config, logger=client_log)
    while True:
        try:
            # Or else list_offsets asks whom it once knew as the leader, at the epoch of that time, and learns nothing
            # from being told that there has been an election since. And it may not ask about what does not exist.
            reason = _not_led(admin.list_topics(timeout=_ATTEMPT_S).topics, topics, partition)
            if reason is None:
                stable = _ends(admin, topics, partition, IsolationLevel.READ_COMMITTED)
                last = _ends(admin, topics, partition, IsolationLevel.READ_UNCOMMITTED)
                return [topic for topic in topics if stable[topic] < last[topic]]
        except KafkaException as error:
            reason = error.args[0]
        if not passing(reason):
            raise as_topic_error(reason, topics[0], partition)
        if time.monotonic() > deadline:
            raise BrokerSilent(f"No broker says where {_named(topics[0], partition)} ends: {reason.str()}")
        time.sleep(_RETRY_S)


def _not_led(found: Mapping[str, TopicMetadata], topics: Sequence[str], partition: int) -> KafkaError | None:
    """That a partition has no leader now; None if all have one.

    Raises:
        TopicMissing: One of the topics, or its partition, does not exist.
    """
    for topic in topics:
        _refuse_absent(found, topic, partition)
        led = found[topic].partitions.get(partition)
        if led is None or led.leader < 0:
            return KafkaError(KafkaError.LEADER_NOT_AVAILABLE, f"{_named(topic, partition)} has no leader")
    return None


def is_beyond_end(config: Config, topic: str, partition: int, offset: int, timeout_s: float) -> bool:
    """Whether brokers refuse to hand out from an offset, since the partition ends before it.

    The word for a doubt that `spans` has raised: Tansu says an end there that may be too low, and hands out all the
    same. False where nobody answers in time.
    """
    consumer = reader(config, {"auto.offset.reset": "error"})
    try:
        consumer.assign([TopicPartition(topic, partition, offset)])
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            message = consumer.poll(left_s)
            error = None if message is None else message.error()
            if error is not None and error.code() in OUT_OF_RANGE:
                return True
            if message is not None and (error is None or error.code() == KafkaError._PARTITION_EOF):
                return False
    finally:
        consumer.close()
    return False


def _ends(admin: AdminClient, topics: Sequence[str], partition: int, isolation: IsolationLevel) -> dict[str, int]:
    asked = {TopicPartition(topic, partition): OffsetSpec.latest() for topic in topics}
    answers = admin.list_offsets(asked, isolation_level=isolation, request_timeout=_ATTEMPT_S)
    return {place.topic: answer.result().offset for place, answer in answers.items()}


def _span(consumer: Consumer, asked: TopicPartition, deadline: float) -> Span:
    while True:
        try:
            return Span(*consumer.get_watermark_offsets(asked, _ATTEMPT_S))
        except KafkaException as error:
            reason: KafkaError = error.args[0]
        if reason.code() not in _MISSING and not passing(reason):
            raise as_topic_error(reason, asked.topic, asked.partition)
        _refuse_missing(consumer, asked, deadline)
        if time.monotonic() > deadline:
            raise BrokerSilent(f"No broker says where {_named(asked.topic, asked.partition)} ends: {reason.str()}")
        time.sleep(_RETRY_S)


def _refuse_missing(consumer: Consumer, asked: TopicPartition, deadline: float) -> None:
    # All topics are asked for, never one by name: a question by name may make a broker create the topic. This question
    # also waits quietly for a broker that does not answer at all; the one for offsets fills the log meanwhile.
    left = max(deadline - time.monotonic(), 0.1)
    try:
        topics = consumer.list_topics(timeout=left).topics
    except KafkaException as error:
        raise BrokerSilent(f"The brokers do not answer: {error.args[0].str()}") from error
    _refuse_absent(topics, asked.topic, asked.partition)


def _refuse_absent(found: Mapping[str, TopicMetadata], topic: str, partition: int) -> None:
    if topic not in found:
        raise TopicMissing(f"Topic {topic} does not exist.")
    partitions = found[topic].partitions
    if partitions and partition not in partitions:
        raise TopicMissing(f"Topic {topic} has {len(partitions)} partitions; there is no {partition}.")


def passing(error: KafkaError) -> bool:
    """Whether an error goes away by itself, as while a broker starts or gives a partition to another.

    `KafkaError.retriable()` is no help: it is set for errors of transactions only.
    """
    return error.code() in _PASSING or error.code() in _OF_THE_GROUP


def level_of(error: KafkaError) -> int:
    """How loud a reader logs an error that passes: not at all where it is nothing to the reader."""
    return logging.DEBUG if error.code() in _OF_THE_GROUP else logging.WARNING


def as_topic_error(error: KafkaError, topic: str, partition: int | None = None) -> TopicError:
    """What the brokers said, as an error that names the topic."""
    if error.code() in _MISSING:
        return TopicMissing(f"{_named(topic, partition)} does not exist: {error.str()}")
    refusal = Refusal.of(error, f"topic {topic}", f"reading topic {topic}", f"grant READ and DESCRIBE on topic {topic}")
    if refusal is not None:
        return Refused(refusal)
    return TopicError(f"{_named(topic, partition)} cannot be read: {error.str()}")


def not_written(error: KafkaError, topic: str) -> TopicError:
    """What the brokers said of a write, as an error that names the topic, and the right where one is missing."""
    refusal = Refusal.of(
        error, f"topic {topic}", f"writing topic {topic}", f"grant WRITE and DESCRIBE on topic {topic}"
    )
    if refusal is not None and refusal.cause is Cause.NOT_AUTHORISED:
        return Refused(refusal)
    return TopicError(f"topic {topic}: {error.str()}")


def _named(topic: str, partition: int | None) -> str:
    return f"Topic {topic}" if partition is None else f"Partition {partition} of topic {topic}"
