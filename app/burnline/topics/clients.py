"""Consumers that are told where to read, and commit nothing: the one place that configures them."""

from confluent_kafka import Consumer

from burnline.kafka import Config
from burnline.topics.client_log import client_log

_READER: Config = {
    "group.id": "burnline-reader",  # asked for by librdkafka; nothing is ever committed under it
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",  # retention may move the beginning while one reads
    "fetch.wait.max.ms": 100,
    "fetch.queue.backoff.ms": 5,  # the default of a second holds a fast reader at a quarter of its speed
}
PROMPT: Config = {"fetch.wait.max.ms": 10}
"""For who ends where a partition ends: the word that it does comes with an empty fetch, so that is not to wait."""


def reader(config: Config, but: Config | None = None) -> Consumer:
    """A consumer to `assign`: of committed records, from the earliest there is, that says where partitions end.

    Args:
        config: librdkafka configuration that reaches the brokers.
        but: What is to be otherwise.
    """
    return Consumer({**config, **_READER, **(but or {})}, logger=client_log)
