"""The librdkafka producer behind a publisher: how it is set up, and how it is left behind."""

import ctypes
from typing import TYPE_CHECKING

from confluent_kafka import Producer

if TYPE_CHECKING:
    from burnline.kafka import Config
    from burnline.settings import Settings

MAX_IN_FLIGHT = 100_000
MAX_BUFFER_BYTES = 64 * 1024 * 1024
_MAX_MESSAGE_BYTES = 8 * 1024 * 1024  # as much as the usage topic takes


def producer_config(
    config: "Config", *, max_in_flight: int, max_buffer_bytes: int, delivery_timeout_s: float
) -> "Config":
    """The whole configuration: idempotent, all replicas, lz4, and partitions chosen as Java's producers choose them."""
    return {
        **config,
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": "lz4",
        "partitioner": "murmur2_random",
        "message.max.bytes": _MAX_MESSAGE_BYTES,
        "queue.buffering.max.messages": max_in_flight,
        "queue.buffering.max.kbytes": max(1, max_buffer_bytes // 1024),
        "delivery.timeout.ms": round(delivery_timeout_s * 1000),
    }


def let_go(producer: Producer) -> None:
    """Leave a producer behind and never destroy it.

    Destroying joins its threads. In the child of a fork there are none, which waits for ever; with brokers that are
    frozen it may take longer than the process has. What is left behind ends with the process.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(producer))


def destination(settings: "Settings | None") -> "tuple[Config, str]":
    """How to reach the brokers, and the usage topic's name; by the environment's settings if none are given.

    Raises:
        burnline.settings.SettingsError: The environment's settings are wrong.
    """
    # Who only imports the publisher does not wait for the libraries behind the settings.
    from burnline.kafka import client_config
    from burnline.settings import load_settings
    from burnline.topics.catalogue import topics_for

    settings = settings or load_settings()
    return client_config(settings), topics_for(settings).usage.name
