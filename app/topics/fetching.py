"""Fetch one record by its place."""

import time
from typing import cast

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from app.kafka import Config
from app.topics.client_log import client_log
from app.topics.ends import as_topic_error, passing, spans
from app.topics.errors import BrokerSilent, TopicError

_WAIT_S = 0.25


class NoSuchRecord(TopicError):
    """No record stands at the offset; the message says why."""


def fetch(config: Config, topic: str, partition: int, offset: int, *, timeout_s: float) -> Message:
    """The committed record at an offset.

    Raises:
        NoSuchRecord: The offset is before the first or after the last, or holds no committed record.
        TopicMissing: The topic or the partition does not exist.
        BrokerSilent: The brokers do not answer.
    """
    consumer = Consumer(
        {
            "group.id": "burnline-reader",  # asked for by librdkafka; nothing is ever committed under it
            **config,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
        },
        logger=client_log,
    )
    place = f"offset {offset} of partition {partition} of topic {topic}"
    try:
        span = spans(consumer, topic, [partition], timeout_s)[partition]
        if offset < span.first:
            raise NoSuchRecord(f"There is no {place} any more: the first one that is kept is {span.first}.")
        # Never from beyond the end: Tansu answers nothing there, not even that it is the end.
        consumer.assign([TopicPartition(topic, partition, min(offset, span.stable))])
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            message = consumer.poll(_WAIT_S)
            if message is None:
                continue
            error = message.error()
            reached = cast("int", message.offset())
            if error is None and reached == offset:
                return message
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                if reached > offset:
                    raise NoSuchRecord(f"No record stands at {place}: a transaction's marker, or one that was aborted.")
                if error is not None:
                    raise NoSuchRecord(f"There is no {place} yet: the partition ends before it.")
            elif not passing(error):
                raise as_topic_error(error, topic, partition)
    finally:
        consumer.close()
    raise BrokerSilent(f"The brokers did not hand out {place} within {timeout_s:g} s.")
