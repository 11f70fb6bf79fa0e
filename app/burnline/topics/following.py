"""Read on in a topic, for as long as somebody wants to know."""

import logging
from collections.abc import Generator, Mapping

from confluent_kafka import Message, TopicPartition

from burnline.kafka import Config
from burnline.topics.clients import reader
from burnline.topics.ends import as_topic_error, level_of, passing

_WAIT_S = 0.5  # also how long an interrupt may have to wait

_log = logging.getLogger(__name__)


def follow_from(config: Config, topic: str, positions: Mapping[int, int]) -> Generator[Message, None, None]:
    """Committed records from these offsets on, without end; close the generator to stop.

    Brokers that go away are waited for. What retention has removed meanwhile is passed over.

    Args:
        config: librdkafka configuration that reaches the brokers.
        topic: Full topic name.
        positions: Partition to the first offset wanted.

    Raises:
        TopicMissing: The topic is gone.
        TopicError: The brokers refused for good.
    """
    consumer = reader(config, {"enable.partition.eof": False})
    try:
        consumer.assign([TopicPartition(topic, partition, offset) for partition, offset in positions.items()])
        while True:
            message = consumer.poll(_WAIT_S)
            if message is None:
                continue
            error = message.error()
            if error is None:
                yield message
            elif passing(error):
                _log.log(level_of(error), "Following topic %s goes on after: %s", topic, error.str())
            else:
                raise as_topic_error(error, topic, message.partition())
    finally:
        consumer.close()
