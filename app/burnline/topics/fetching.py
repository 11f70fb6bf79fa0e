"""Fetch records by their place."""

import time
from collections.abc import Iterator
from typing import cast

from confluent_kafka import KafkaError, Message, TopicPartition

from burnline.kafka import Config
from burnline.topics.clients import PROMPT, reader
from burnline.topics.ends import as_topic_error, passing, spans
from burnline.topics.errors import BrokerSilent, TopicError

_BATCH = 10_000
_WAIT_S = 0.25


class NoSuchRecord(TopicError):
    """No record stands at the offset; the message says why, `first` and `end` (exclusive) which offsets there are."""

    def __init__(self, message: str, first: int, end: int) -> None:
        super().__init__(message)
        self.first = first
        self.end = end


def fetch(config: Config, topic: str, partition: int, offset: int, *, timeout_s: float) -> Message:
    """The committed record at an offset.

    Raises:
        NoSuchRecord: The offset is before the first or after the last, or holds no committed record.
        TopicMissing: The topic or the partition does not exist.
        BrokerSilent: The brokers do not answer.
    """
    consumer = reader(config, PROMPT | {"auto.offset.reset": "error"})
    place = f"offset {offset} of partition {partition} of topic {topic}"
    try:
        span = spans(consumer, topic, [partition], timeout_s)[partition]
        if offset < span.first:
            raise NoSuchRecord(
                f"There is no {place} any more: the first one that is kept is {span.first}.", span.first, span.stable
            )
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
                    raise NoSuchRecord(
                        f"No record stands at {place}: a transaction's marker, or one that was aborted.",
                        span.first,
                        max(span.stable, reached),
                    )
                if error is not None:
                    raise NoSuchRecord(
                        f"There is no {place} yet: the partition ends before it.", span.first, max(span.stable, reached)
                    )
            elif not passing(error):
                raise as_topic_error(error, topic, partition)
    finally:
        consumer.close()
    raise BrokerSilent(f"The brokers did not hand out {place} within {timeout_s:g} s.")


def fetch_range(
    config: Config, topic: str, partition: int, start: int, end: int, *, timeout_s: float
) -> Iterator[list[Message]]:
    """The committed records from `start` to below `end`, at which a committed record is known to stand.

    What retention has removed is passed over.

    Yields:
        Records in order, none of them an error.

    Raises:
        TopicMissing: The topic or the partition does not exist.
        BrokerSilent: Nothing was heard for `timeout_s`.
    """
    if start >= end:
        return
    consumer = reader(config, PROMPT)
    try:
        consumer.assign([TopicPartition(topic, partition, start)])
        heard = time.monotonic()
        while time.monotonic() < heard + timeout_s:
            batch = consumer.consume(1, _WAIT_S)
            if not batch:
                continue
            batch += consumer.consume(_BATCH - 1, 0)
            for message in batch:
                error = message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF and not passing(error):
                    raise as_topic_error(error, topic, partition)
            records = [message for message in batch if message.error() is None]
            if records:
                heard = time.monotonic()
                yield [message for message in records if cast("int", message.offset()) < end]
                if cast("int", records[-1].offset()) >= end:
                    return
    finally:
        consumer.close()
    raise BrokerSilent(f"The brokers did not hand out offsets {start} to {end} of topic {topic} in {timeout_s:g} s.")
